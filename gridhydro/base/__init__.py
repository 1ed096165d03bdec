"""Units, calendar, the table of quantities, checks of arguments, files: what every room stands on."""
