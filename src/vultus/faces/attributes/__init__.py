"""How faces look: age, gender, expression, pose, what covers them, how the picture is."""
