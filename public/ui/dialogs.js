// What all dialogs have in common: they close by their button, by Escape, and by a press beside them.
// <dialog> itself keeps the focus inside and gives it back.

export function wireDialogs() {
  for (const dialog of document.querySelectorAll('dialog')) {
    for (const button of dialog.querySelectorAll('.dialog-close')) button.addEventListener('click', () => dialog.close());
    dialog.addEventListener('click', ({ target }) => {
      if (target === dialog) dialog.close();
    });
  }
}
