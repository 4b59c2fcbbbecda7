"""Where the text of the paper and its released code differ, and what its claims rest on (chapter 7)."""
