// The part of the REST API that is about mixes, and about where they go. See docs/mixes.md. No DOM in here.

import { call } from './api.js';

/**
 * @typedef {{ participant: string, x: number, y: number, width: number, height: number, video: boolean }} Placed
 * @typedef {Record<string, any>} Style  see docs/layouts.md
 *
 * @typedef {object} Mix
 * @property {string} name
 * @property {boolean} running
 * @property {number} width
 * @property {number} height
 * @property {number} fps
 * @property {number} videoKbps
 * @property {string | { regions: Record<string, any> }} layout
 * @property {string[]} include
 * @property {string[]} exclude
 * @property {string[]} hide
 * @property {string[]} pins
 * @property {Record<string, string>} labels
 * @property {Style} style
 * @property {Placed[]} placements  who is where, while it runs
 *
 * @typedef {Partial<Pick<Mix, 'layout' | 'include' | 'exclude' | 'hide' | 'pins' | 'labels' | 'style'>>} Change
 *
 * @typedef {object} Output
 * @property {string} id
 * @property {string} kind
 * @property {string} mix
 * @property {string} url  without keys
 * @property {'connecting' | 'live' | 'waiting' | 'ended'} state
 * @property {number} since
 * @property {number} retries
 * @property {string | null} error
 * @property {number} bytes
 * @property {number} dropped
 */

/** @param {string} room */
const of = (room) => `/rooms/${encodeURIComponent(room)}`;

/** @param {string} room @returns {Promise<Mix[]>} */
export const listMixes = async (room) => (await call('GET', `${of(room)}/mixes`)).mixes;

/** @param {string} room @param {{ name: string } & Partial<Mix>} mix @returns {Promise<Mix>} */
export const makeMix = (room, mix) => call('POST', `${of(room)}/mixes`, mix);

/** What is not named stays as it is. @param {string} room @param {string} name @param {Change} change @returns {Promise<Mix>} */
export const changeMix = (room, name, change) => call('PATCH', `${of(room)}/mixes/${encodeURIComponent(name)}`, change);

/** @param {string} room @param {string} name */
export const deleteMix = (room, name) => call('DELETE', `${of(room)}/mixes/${encodeURIComponent(name)}`);

/** @param {string} room @returns {Promise<Output[]>} */
export const listOutputs = async (room) => (await call('GET', `${of(room)}/outputs`)).outputs;

/** @param {string} room @param {{ kind: 'hls' | 'push' | 'whip', mix: string, url?: string, token?: string }} output @returns {Promise<Output>} */
export const startOutput = (room, output) => call('POST', `${of(room)}/outputs`, output);

/** @param {string} room @param {string} id @returns {Promise<Output>} */
export const stopOutput = (room, id) => call('DELETE', `${of(room)}/outputs/${encodeURIComponent(id)}`);

/** Where a mix is watched by WHEP. @param {string} room @param {string} mix */
export const whepAddress = (room, mix) => `/whep/${encodeURIComponent(room)}/${encodeURIComponent(mix)}`;
