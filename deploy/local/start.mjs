import './node-version.mjs';
import { Console } from './console.mjs';
import { dataDirOf, hubEnvironment } from './environment.mjs';
import { isLoopback } from './ports.mjs';
import { forPeople } from './root.mjs';
import { Stack } from './stack.mjs';
import { listenForStop } from './stop-signals.mjs';

const startedAt = Date.now();
const environment = hubEnvironment();
const print = new Console({ asJson: environment.HUB_LOG === 'json' });
const stack = new Stack(print);

listenForStop({
  onStop: () => {
    print.say('Stopping everything (Ctrl-C again hurries it).');
    void stack.end(0);
  },
  onHurry: () => stack.hurry(),
});

stack
  .start()
  .then(welcome)
  .catch((error) => stack.fail(error));

process.exit(await stack.ended);

/** Tells where everything is, with a token and a first call that work as they stand. */
async function welcome() {
  const { HOST, PORT, HUB_LOCAL_ORG_ID } = stack.environment;
  const { database, redis, providers } = stack.notes;
  const { token } = stack;
  const base = `http://${isLoopback(HOST) || HOST === '0.0.0.0' || HOST === '::' ? 'localhost' : HOST}:${PORT}`;
  const lines = [
    '',
    `Ready after ${((Date.now() - startedAt) / 1000).toFixed(1)} s. Ctrl-C stops everything.`,
    '',
    `  Console  ${base}/integrations`,
    `  API      ${base}/functions/v1   (described at ${base}/docs)`,
    `  Data     ${forPeople(dataDirOf(environment))}`,
    ...[database, redis, providers].filter(Boolean).map((note) => `           ${note}`),
    '',
    `A token for org ${HUB_LOCAL_ORG_ID} with every scope, valid for 12 hours:`,
    '',
    token,
    '',
    'A first call:',
    '',
    `curl -H 'Authorization: Bearer ${token}' ${base}/functions/v1/integrations`,
    '',
  ];
  print.say(lines.join('\n'));
  if (environment.HUB_EXIT_WHEN_READY) await stack.end(0);
}
