// Short messages over the stage. The container is a live region, so screen readers hear them too.

const STAY_MS = 5_000;
const MOST = 4;

export class Notices {
  #container;

  /** @param {HTMLElement} container */
  constructor(container) {
    this.#container = container;
  }

  /**
   * @param {string} words
   * @param {{ stay?: boolean, extra?: HTMLElement }} [options]  stay: until dismissed · extra: a link or field behind the words
   * @returns {() => void} takes the message back
   */
  show(words, { stay = false, extra } = {}) {
    const notice = document.createElement('div');
    notice.className = 'notice';
    const text = document.createElement('p');
    text.textContent = words;
    notice.append(text);
    if (extra) notice.append(extra);
    if (stay) notice.append(dismissButton(() => notice.remove()));
    else setTimeout(() => notice.remove(), STAY_MS);
    this.#container.append(notice);
    // The oldest go first, but what waits to be dismissed goes last.
    while (this.#container.childElementCount > MOST) {
      (this.#container.querySelector('.notice:not(:has(button))') ?? this.#container.firstElementChild)?.remove();
    }
    return () => notice.remove();
  }

  clear() {
    this.#container.replaceChildren();
  }
}

/** @param {() => void} dismiss */
function dismissButton(dismiss) {
  const button = document.createElement('button');
  button.type = 'button';
  button.className = 'dismiss';
  button.textContent = '×';
  button.setAttribute('aria-label', 'Dismiss');
  button.addEventListener('click', dismiss);
  return button;
}
