// Whether a page shuts people out, as far as axe-core can see.

import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { createRequire } from 'node:module';

const axe = await readFile(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');

/** Fails with the serious violations that axe-core finds. */
export async function accessible(page) {
  // By the debugger: the page's policy allows no inline script.
  await page.evaluate(axe);
  const { violations } = await page.evaluate(() => window.axe.run(document));
  const grave = violations.filter(({ impact }) => impact === 'serious' || impact === 'critical');
  const words = grave.map(({ id, nodes }) => `${id}: ${nodes.map(({ html, failureSummary }) => `${html} (${failureSummary})`).join('; ')}`);
  assert.deepEqual(words, []);
}
