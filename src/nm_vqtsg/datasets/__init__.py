"""Series: where they come from, how they are read, split and scaled.

`archive` names the UCR sets; `fetch` gets one of them, `readers` reads files and folders, both into a `RawData`
(`raw`); `resplit` makes of it two `Series` (`series`). Nothing is imported here, so that `archive` stays quick.
"""
