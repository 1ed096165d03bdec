"""Figures whose layout nobody looks at."""

from collections.abc import Callable


def without_layout(set_attribute: Callable = setattr, unless: Callable = lambda: False) -> None:
    """Leave out the layout of figures that are saved, which takes longer than a small training."""
    from matplotlib.figure import Figure

    savefig = Figure.savefig

    def quick(self, *arguments, **options):
        if not unless():
            self.set_layout_engine("none")
            options["dpi"] = 60
        return savefig(self, *arguments, **options)

    set_attribute(Figure, "savefig", quick)
