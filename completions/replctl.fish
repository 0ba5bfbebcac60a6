complete --keep-order --exclusive --command replctl --arguments "(COMPLETE=fish replctl -- (commandline --current-process --tokenize --cut-at-cursor) (commandline --current-token))"
