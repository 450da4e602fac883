// Runs the test suites one after another, shows their output, and ends with one line that counts them all:
//   N passed, N failed, N skipped
// A suite that dies without failed tests of its own (it did not build, say) counts as one failure, and so does one that
// is not done by its deadline: it is killed with all it started, so that what the others found is still told.
// Usage: node scripts/tally.mjs

import { spawn, spawnSync } from 'node:child_process';
import { existsSync, readdirSync } from 'node:fs';

const total = { passed: 0, failed: 0, skipped: 0 };

/** What each runner prints when it is done: [pattern, [count, ...] in the order of its groups]. */
const SUMMARIES = {
  cargo: [[/^test result: \w+\. (\d+) passed; (\d+) failed; (\d+) ignored/gm, ['passed', 'failed', 'skipped']]],
  nextest: [
    [/^\s*Summary \[.*?\] .*?\b(\d+) passed/gm, ['passed']],
    [/^\s*Summary \[.*?\] .*?\b(\d+) failed/gm, ['failed']],
    [/^\s*Summary \[.*?\] .*?\b(\d+) timed out/gm, ['failed']],
    [/^\s*Summary \[.*?\] .*?\b(\d+) skipped/gm, ['skipped']],
  ],
  node: [
    [/^# pass (\d+)/gm, ['passed']],
    [/^# fail (\d+)/gm, ['failed']],
    [/^# cancelled (\d+)/gm, ['failed']],
    [/^# (?:skipped|todo) (\d+)/gm, ['skipped']],
  ],
};

// Its children are no longer in the terminal's process group: what ends this script has to end them.
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) process.once(signal, () => process.exit(1));

async function suite(runner, minutes, command, args) {
  console.log(`\n== ${command} ${args.join(' ')}`);
  const began = Date.now();
  const { output, status } = await run(command, args, minutes * 60_000);
  console.log(`== took ${Math.round((Date.now() - began) / 1000)} s`);
  const counts = { passed: 0, failed: 0, skipped: 0 };
  for (const [pattern, keys] of SUMMARIES[runner]) {
    for (const match of output.matchAll(pattern)) keys.forEach((key, place) => (counts[key] += Number(match[place + 1])));
  }
  if (status !== 0 && counts.failed === 0) counts.failed = 1;
  for (const key of Object.keys(total)) total[key] += counts[key];
}

function run(command, args, patience) {
  return new Promise((resolve) => {
    // A process group of its own, to be ended as one.
    const child = spawn(command, args, { stdio: ['ignore', 'pipe', 'pipe'], env: { ...process.env, CARGO_TERM_COLOR: 'never' }, detached: true });
    const end = () => {
      try {
        process.kill(-child.pid, 'SIGKILL');
      } catch {
        // It ended by itself.
      }
    };
    const deadline = setTimeout(() => {
      console.log(`\nThe suite was killed: it was not done after ${patience / 60_000} minutes.`);
      end();
    }, patience);
    process.on('exit', end);
    let output = '';
    const keep = (stream) => (chunk) => {
      output += chunk;
      stream.write(chunk);
    };
    child.stdout.setEncoding('utf8').on('data', keep(process.stdout));
    child.stderr.setEncoding('utf8').on('data', keep(process.stderr));
    child.on('error', (error) => resolve({ output: `${output}\n${error.message}`, status: 1 }));
    child.on('close', (status) => {
      clearTimeout(deadline);
      process.off('exit', end);
      resolve({ output, status: status ?? 1 });
    });
  });
}

function testsIn(folder) {
  if (!existsSync(folder)) return [];
  return readdirSync(folder).filter((name) => name.endsWith('.test.mjs')).sort().map((name) => `${folder}/${name}`);
}

const has = (command, args) => spawnSync(command, args, { stdio: 'ignore' }).status === 0;

if (has('cargo', ['nextest', '--version'])) {
  await suite('nextest', 35, 'cargo', ['nextest', 'run', '--no-fail-fast']);
  await suite('cargo', 5, 'cargo', ['test', '--doc', '--no-fail-fast']);
} else {
  // Without nextest's groups, everything one at a time: two calls at once would judge the machine.
  await suite('cargo', 50, 'cargo', ['test', '--no-fail-fast', '--', '--test-threads=1']);
}
const client = testsIn('tests/client');
if (client.length > 0) await suite('node', 3, 'node', ['--test', '--test-reporter=tap', '--test-timeout=60000', ...client]);
// One at a time, since each brings up browsers, and in a network of their own.
const browser = testsIn('tests/browser');
if (browser.length > 0) {
  // The time limit is for a whole file.
  const node = ['node', '--test', '--test-reporter=tap', '--test-concurrency=1', '--test-timeout=300000', ...browser];
  await suite('node', 25, 'sh', ['tests/common/lab.sh', ...node]);
}

console.log(`\n${total.passed} passed, ${total.failed} failed, ${total.skipped} skipped`);
// Nothing run is no success either.
process.exitCode = total.failed > 0 || total.passed === 0 ? 1 : 0;
