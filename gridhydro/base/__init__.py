"""Units, calendar, quantities, checks of arguments, files: what every room stands on."""
