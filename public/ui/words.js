// How a person is put in letters, colours and words.

/** Up to two letters that stand for a name. @param {string} name */
export function initials(name) {
  const words = name.trim().split(/\s+/u).filter(Boolean);
  const letters = [words[0], words.length > 1 ? words[words.length - 1] : ''].map((word) => [...(word ?? '')][0] ?? '');
  return letters.join('').toUpperCase();
}

/** A colour of one's own, the same on every screen. @param {string} name */
export function hue(name) {
  let sum = 7;
  for (const letter of name) sum = (sum * 31 + (letter.codePointAt(0) ?? 0)) % 360;
  return sum;
}

/** @param {string} quality */
export function qualityWords(quality) {
  switch (quality) {
    case 'lost':
      return 'No connection';
    case 'poor':
      return 'Poor connection';
    case 'fair':
      return 'Fair connection';
    default:
      return 'Good connection';
  }
}
