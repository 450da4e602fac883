// How a picture is encoded for the height at which anybody shows it. No DOM in here.

/**
 * @typedef {{ active: boolean, scaleResolutionDownBy: number, maxBitrate: number }} Encoding
 */

/** Heights, and the bitrates that serve them well. */
const BITRATES = [
  [90, 80_000],
  [180, 150_000],
  [360, 600_000],
  [720, 2_000_000],
  [1080, 3_500_000],
];

/**
 * The bitrate for a height, between those of the heights around it.
 * @param {number} height
 */
export function bitrateFor(height) {
  const above = BITRATES.findIndex(([known]) => known >= height);
  if (above === 0) return BITRATES[0][1];
  if (above < 0) return BITRATES[BITRATES.length - 1][1];
  const [[low, lowRate], [high, highRate]] = [BITRATES[above - 1], BITRATES[above]];
  return Math.round(lowRate + ((highRate - lowRate) * (height - low)) / (high - low));
}

/**
 * @param {number | null} demand  the height at which somebody shows it, 0 when nobody looks, null when nothing was said
 * @param {number | undefined} trackHeight  of the camera or screen, where the browser tells
 * @returns {Encoding}
 */
export function encodingFor(demand, trackHeight) {
  const full = trackHeight ?? 720;
  // For nobody: as before, only not sent, so that it is right the moment somebody looks.
  const height = demand ? Math.min(demand, full) : full;
  return {
    active: demand !== 0,
    scaleResolutionDownBy: demand && trackHeight ? Math.max(1, trackHeight / demand) : 1,
    maxBitrate: bitrateFor(height),
  };
}

/** What each sender shall have next; it is in here while it is being told. @type {WeakMap<RTCRtpSender, Encoding>} */
const wanted = new WeakMap();

/**
 * Gives a sender its encoding, without a new offer. Calls may overlap: the last one counts.
 * @param {RTCRtpSender} sender
 * @param {Encoding} encoding
 */
export async function fit(sender, encoding) {
  const busy = wanted.has(sender);
  wanted.set(sender, encoding);
  if (busy) return;
  for (let done; done !== wanted.get(sender); ) {
    done = /** @type {Encoding} */ (wanted.get(sender));
    const parameters = sender.getParameters();
    const first = parameters.encodings?.[0];
    if (!first) continue;
    const same = (first.active ?? true) === done.active && first.maxBitrate === done.maxBitrate
      && (first.scaleResolutionDownBy ?? 1) === done.scaleResolutionDownBy;
    if (same) continue;
    Object.assign(first, done);
    // Not every browser lets every source be scaled, and a closed one takes nothing: what it sends then is right as well.
    await sender.setParameters(parameters).catch(() => {});
  }
  wanted.delete(sender);
}

/**
 * Has a sender send a keyframe, where the browser can.
 * @param {RTCRtpSender} sender
 */
export function refresh(sender) {
  if (sender.track?.kind !== 'video') return;
  // The option is newer than the type; browsers that do not know it ignore it.
  const setParameters = /** @type {(parameters: RTCRtpSendParameters, options: object) => Promise<void>} */ (sender.setParameters);
  setParameters.call(sender, sender.getParameters(), { encodingOptions: [{ keyFrame: true }] }).catch(() => {});
}
