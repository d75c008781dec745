"""``doorward install`` and ``doorward uninstall``: what the chart's default is, without helm."""
