"""The vision-language model: assembled, loaded, saved, merged; its tokens, labels and views."""
