import { setTimeout as sleep } from 'node:timers/promises';
import { KeyRotationRepository, type RotationProgress } from '@hub/database';
import type { OrgId } from '@hub/domain';
import { InvalidArgumentError, type Command } from 'commander';
import { orgArgument } from '../arguments';
import { CommandRefused, OPERATOR, type Surroundings } from '../command';
import { withDatabase } from '../database.client';

const LAYERS = ['wrapping', 'data', 'both'] as const;
type Layer = (typeof LAYERS)[number];

interface RotateOptions {
  readonly org?: OrgId;
  readonly layer: Layer;
  readonly detach?: true;
}

const LOOK_EVERY_MS = 1_000;
const TELL_EVERY_MS = 5_000;
/** A worker looks every five seconds, and what one that died had taken up is another's after a minute: later than that there is none. */
const NOBODY_AFTER_MS = 90_000;
/** What is put off is looked at again within five seconds of its time; what a worker that died had taken up, is overdue by now. */
const ATTENDED_WITHIN_MS = 20_000;

/** `hub keys rotate`: has the refresh workers replace keys, and tells how far they are. */
export function addRotateCommand(command: Command, { environment, terminal }: Surroundings): void {
  command
    .command('rotate')
    .description(
      'Have the workers replace the keys of all orgs, while everything goes on. May be interrupted: it goes on.',
    )
    .option('--org <uuid>', 'of this org alone', orgArgument)
    .option(
      '--layer <layer>',
      `${LAYERS.join(', ')}: wrap data keys anew, seal with new ones, or both`,
      layerArgument,
      'both',
    )
    .option('--detach', 'wait for nothing')
    .action(async ({ org, layer, detach }: RotateOptions) => {
      await withDatabase(environment, async (database) => {
        const rotations = new KeyRotationRepository(database);
        const layers = { rewrap: layer !== 'data', reseal: layer !== 'wrapping' };
        const orgs = await rotations.request(org ?? null, layers, OPERATOR);
        if (orgs === 0)
          throw new CommandRefused(
            org ? `Nothing is sealed for an org ${org}.` : 'There is no org whose keys could be rotated.',
          );
        if (detach) return terminal.print(`Asked for: ${orgsOf(orgs)}. See hub keys status.`);
        const done = await untilResealed(rotations, org ?? null, (line) => terminal.complain(line));
        for (const line of outcomeLines(done)) terminal.print(line);
      });
    });
}

function layerArgument(text: string): Layer {
  const layer = LAYERS.find((known) => known === text);
  if (!layer) throw new InvalidArgumentError(`The layers are ${LAYERS.join(', ')}.`);
  return layer;
}

/** Nothing has moved for long. @param isAttended whether a worker has taken a rotation up, or put it off, not long ago */
export function whyStuck(isAttended: boolean): string {
  return isAttended
    ? 'Nothing has moved for 90 s, although a refresh worker is at it: its log says why (hub.keys.unavailable, hub.keys.rotation_failed). The wish stays, and goes on once that is mended.'
    : 'Nothing has moved for 90 s: is a refresh worker running? The wish stays, and goes on when one does.';
}

/** Waits until every value is sealed anew; that the old keys retire takes ten minutes more, and nobody's attention. */
async function untilResealed(
  rotations: KeyRotationRepository,
  org: OrgId | null,
  tell: (line: string) => void,
): Promise<RotationProgress> {
  let before = '';
  let movedMs = performance.now();
  let attendedMs = -Infinity;
  for (let toldMs = -Infinity; ;) {
    const now = await rotations.progress(org);
    if (now.waiting + now.resealing === 0) return now;
    const { attended, ...moving } = now;
    if (attended > 0) attendedMs = performance.now();
    const seen = JSON.stringify(moving);
    if (seen !== before) movedMs = performance.now();
    before = seen;
    if (performance.now() - movedMs > NOBODY_AFTER_MS)
      throw new CommandRefused(whyStuck(performance.now() - attendedMs < ATTENDED_WITHIN_MS));
    if (performance.now() - toldMs >= TELL_EVERY_MS) {
      tell(`${orgsOf(now.waiting + now.resealing)} to go, ${doneOf(now)}.`);
      toldMs = performance.now();
    }
    await sleep(LOOK_EVERY_MS);
  }
}

/** @throws CommandRefused if some values or keys do not open */
function outcomeLines(done: RotationProgress): string[] {
  const { orgs, retiring, unopenedCells, refusedKeys } = done;
  const wrong: string[] = [];
  if (refusedKeys > 0)
    wrong.push(
      `${keysOf(refusedKeys)} ${refusedKeys === 1 ? 'does' : 'do'} not unwrap and ${refusedKeys === 1 ? 'stays' : 'stay'} as before: hub keys status names ${refusedKeys === 1 ? 'it' : 'them'}.`,
    );
  if (unopenedCells > 0)
    wrong.push(
      `${valuesOf(unopenedCells)} of ${orgsOf(orgs)} did not open and stay as they are; the log has hub.keys.value_unopened for each. Their keys do not retire.`,
    );
  if (wrong.length > 0) throw new CommandRefused(`${wrong.join(' ')} Else: ${doneOf(done)}.`);
  const lines = [`${orgsOf(orgs)}: ${doneOf(done)}.`];
  if (retiring > 0) lines.push(`The keys before retire in ten minutes, when no app can seal with them any more.`);
  return lines;
}

const orgsOf = (count: number): string => `${count} ${count === 1 ? 'org' : 'orgs'}`;
const doneOf = ({ rewrappedKeys, resealedCells }: RotationProgress): string =>
  `${keysOf(rewrappedKeys)} wrapped anew, ${valuesOf(resealedCells)} sealed anew`;
const keysOf = (count: number): string => `${count} data ${count === 1 ? 'key' : 'keys'}`;
const valuesOf = (count: number): string => `${count} ${count === 1 ? 'value' : 'values'}`;
