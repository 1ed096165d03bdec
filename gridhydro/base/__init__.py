"""Units, calendar, quantities, checks of arguments, files: what every other room builds on."""
