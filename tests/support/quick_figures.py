"""Figures that nobody looks at."""

from collections.abc import Callable

DRAWN = 3  # panels of each


def draw_quickly(set_attribute: Callable = setattr, unless: Callable = lambda: False) -> None:
    """Leave out the layout of figures that are saved, which takes longer than a small training."""
    from matplotlib.figure import Figure

    savefig = Figure.savefig

    def quick(self, *arguments, **options):
        if not unless():
            # not "none", which stands for an engine and has the figure drawn twice
            self._layout_engine = None
            options["dpi"] = 60
            for axes in self.axes[DRAWN:]:
                axes.set_visible(False)
        return savefig(self, *arguments, **options)

    set_attribute(Figure, "savefig", quick)
