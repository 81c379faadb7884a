"""The parts of the documents that are made from the code: tables of settings, commands, columns and the like.

`python -m scripts.reference` (`make reference`) writes them into the pages, between the lines

    <!-- reference: NAME -->
    <!-- /reference -->

and leaves everything else of a page alone; `--check` only says which pages are out of date, as a test does. The result
is committed, so that the pages can be read where the repository is, without a build. To add a table: a function that
returns Markdown, its name in `sections.SECTIONS`, and the two lines on a page.
"""
