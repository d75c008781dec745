"""``doorward plugin``: what authors of backends begin with."""
