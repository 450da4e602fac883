// The link to the room.

/**
 * Copy it, or show it where that is not allowed.
 * @param {string} room
 * @param {import('./notices.js').Notices} notices
 */
export async function copyLink(room, notices) {
  // The room only: whoever follows the link has a name of their own.
  const link = new URL(location.pathname, location.href);
  link.searchParams.set('room', room);
  try {
    await navigator.clipboard.writeText(link.href);
    notices.show('The link to this room is copied.');
  } catch {
    // No clipboard without https or permission: show it, ready to be copied by hand.
    const field = document.createElement('input');
    field.readOnly = true;
    field.value = link.href;
    field.setAttribute('aria-label', 'Link to this room');
    notices.show('Copy this link:', { stay: true, extra: field });
    field.select();
  }
}
