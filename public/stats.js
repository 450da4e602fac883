// What getStats() says, in figures for people, and what they are worth. Pure: reports in, figures out. No DOM in here.

/**
 * @typedef {import('./protocol.js').Quality} Quality
 * @typedef {{ at: number, entries: any[] }} Sample  a report, and when it was made
 * @typedef {{ width: number, height: number, fps: number, kbps: number, codec: string, lost: number, jitterMs: number, freezes: number }} VideoFigures
 *   `lost` is the share of packets in per cent since the sample before
 * @typedef {{ kbps: number, lost: number, jitterMs: number, level: number }} AudioFigures
 * @typedef {{ packets: number, loss: number, jitterMs: number, freezes: number, frozenMs: number }} Arrival  since the sample before
 */

/** @param {RTCPeerConnection} pc @returns {Promise<Sample>} */
export async function sample(pc) {
  const entries = [...(await pc.getStats()).values()];
  return { at: entries[0]?.timestamp ?? Date.now(), entries };
}

/** @param {Sample | undefined} from @param {(entry: any) => boolean} matches */
const find = (from, matches) => from?.entries.find(matches);

/**
 * The stream of an m-line.
 * @param {Sample | undefined} from
 * @param {'inbound-rtp' | 'outbound-rtp'} type
 * @param {{ mid: string | null, trackId?: string }} line
 */
function stream(from, type, { mid, trackId }) {
  return find(from, (entry) => entry.type === type && (entry.mid === mid || (!!trackId && entry.trackIdentifier === trackId)));
}

/** @param {number | undefined} now @param {number | undefined} before */
const since = (now, before) => Math.max(0, (now ?? 0) - (before ?? 0));

/** @param {any} now @param {any} before @param {'bytesReceived' | 'bytesSent'} bytes */
function kbps(now, before, bytes) {
  const ms = since(now.timestamp, before?.timestamp);
  return before && ms > 0 ? Math.round((since(now[bytes], before[bytes]) * 8) / ms) : 0;
}

/** @param {number} share */
const percent = (share) => Math.round(share * 1000) / 10;

/** @param {number | undefined} seconds */
const milliseconds = (seconds) => Math.round((seconds ?? 0) * 1000);

/**
 * How a stream arrived between two samples.
 * @param {Sample | undefined} now
 * @param {Sample | undefined} before
 * @param {{ mid: string | null, trackId?: string }} line
 * @returns {Arrival | null}
 */
export function arrival(now, before, line) {
  const current = stream(now, 'inbound-rtp', line);
  const former = stream(before, 'inbound-rtp', line);
  if (!current || !former) return null;
  const packets = since(current.packetsReceived, former.packetsReceived);
  const lost = since(current.packetsLost, former.packetsLost);
  return {
    packets,
    // A few packets prove nothing.
    loss: packets + lost < 20 ? 0 : lost / (packets + lost),
    jitterMs: milliseconds(current.jitter),
    freezes: since(current.freezeCount, former.freezeCount),
    frozenMs: milliseconds(since(current.totalFreezesDuration, former.totalFreezesDuration)),
  };
}

/**
 * What one makes of it.
 * @param {Arrival} arrived
 * @returns {Quality}
 */
export function grade({ loss, jitterMs, freezes, frozenMs }) {
  if (loss > 0.08 || jitterMs > 150 || freezes > 2 || frozenMs > 1_000) return 'poor';
  if (loss > 0.02 || jitterMs > 50 || freezes > 0) return 'fair';
  return 'good';
}

/**
 * @param {Sample} now
 * @param {Sample | undefined} before
 * @param {{ mid: string | null, trackId?: string }} line
 * @param {number} freezes
 * @returns {VideoFigures | null}
 */
export function receivedVideo(now, before, line, freezes) {
  const entry = stream(now, 'inbound-rtp', line);
  if (!entry) return null;
  const arrived = arrival(now, before, line);
  const { frameWidth = 0, frameHeight = 0, framesPerSecond = 0 } = entry;
  return {
    width: frameWidth,
    height: frameHeight,
    fps: Math.round(framesPerSecond),
    kbps: kbps(entry, stream(before, 'inbound-rtp', line), 'bytesReceived'),
    codec: codec(now, entry),
    lost: percent(arrived?.loss ?? 0),
    jitterMs: milliseconds(entry.jitter),
    freezes,
  };
}

/**
 * @param {Sample} now
 * @param {Sample | undefined} before
 * @param {{ mid: string | null, trackId?: string }} line
 * @returns {AudioFigures | null}
 */
export function receivedAudio(now, before, line) {
  const entry = stream(now, 'inbound-rtp', line);
  if (!entry) return null;
  const speed = kbps(entry, stream(before, 'inbound-rtp', line), 'bytesReceived');
  return { kbps: speed, lost: percent(arrival(now, before, line)?.loss ?? 0), jitterMs: milliseconds(entry.jitter), level: entry.audioLevel ?? 0 };
}

/** @param {Sample} now @param {Sample | undefined} before @param {string | null} mid @returns {VideoFigures | null} */
export function sentVideo(now, before, mid) {
  const entry = stream(now, 'outbound-rtp', { mid });
  if (!entry) return null;
  const { frameWidth = 0, frameHeight = 0, framesPerSecond = 0 } = entry;
  const speed = kbps(entry, stream(before, 'outbound-rtp', { mid }), 'bytesSent');
  const heard = remote(now, entry);
  return { width: frameWidth, height: frameHeight, fps: Math.round(framesPerSecond), kbps: speed, codec: codec(now, entry), ...heard, freezes: 0 };
}

/** @param {Sample} now @param {Sample | undefined} before @param {string | null} mid @returns {AudioFigures | null} */
export function sentAudio(now, before, mid) {
  const entry = stream(now, 'outbound-rtp', { mid });
  if (!entry) return null;
  const level = find(now, ({ id }) => id === entry.mediaSourceId)?.audioLevel ?? 0;
  return { kbps: kbps(entry, stream(before, 'outbound-rtp', { mid }), 'bytesSent'), ...remote(now, entry), level };
}

/**
 * The way to the server: round trip, and how it goes.
 * @param {Sample} now
 */
export function path(now) {
  const chosen = find(now, ({ type, selectedCandidatePairId }) => type === 'transport' && selectedCandidatePairId);
  const pair = find(now, (entry) => entry.type === 'candidate-pair' && (chosen ? entry.id === chosen.selectedCandidatePairId : entry.selected || (entry.nominated && entry.state === 'succeeded')));
  const local = find(now, ({ id }) => pair && id === pair.localCandidateId);
  const way = local?.candidateType === 'relay' ? `relay over ${local.relayProtocol ?? local.protocol}` : local?.protocol;
  return { rttMs: pair?.currentRoundTripTime === undefined ? null : milliseconds(pair.currentRoundTripTime), path: way ?? null };
}

/** The largest share of anything of ours that the server misses. @param {Sample} now */
export function reportedLoss(now) {
  const reports = now.entries.filter(({ type }) => type === 'remote-inbound-rtp');
  return Math.max(0, ...reports.map(({ fractionLost }) => fractionLost ?? 0));
}

/** What the server reports of a stream of ours. @param {Sample} now @param {any} entry */
function remote(now, entry) {
  const report = find(now, ({ type, localId }) => type === 'remote-inbound-rtp' && localId === entry.id);
  return { lost: percent(report?.fractionLost ?? 0), jitterMs: milliseconds(report?.jitter) };
}

/** @param {Sample} now @param {any} entry @returns {string} */
function codec(now, entry) {
  return find(now, ({ id }) => id === entry.codecId)?.mimeType?.split('/')[1] ?? '';
}
