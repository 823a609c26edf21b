"""What artists turn: colours.  Controls change targets and pictures, never the objective's formulas."""
