import { anIntegration } from '../../../test/factories/integration';
import { DEAD_LETTER_KINDS, deadLetterId, deadLetterKindsOf, parseDeadLetterId } from './dead-letter';

const ROW = '6b1f3c9e-2f5d-4c1a-9b7e-0d3a5e8c7f21';

describe('a dead letter’s id', () => {
  it.each(DEAD_LETTER_KINDS)('names a %s and its row, and reads back', (kind) => {
    const id = deadLetterId({ kind, rowId: ROW });
    expect(id).toBe(`${kind}-${ROW}`);
    expect(parseDeadLetterId(id)).toEqual({ kind, rowId: ROW });
  });

  it('is the same in capitals', () => {
    expect(parseDeadLetterId(`sync-${ROW.toUpperCase()}`)).toEqual({ kind: 'sync', rowId: ROW });
  });

  it.each([
    ['nothing', ''],
    ['no kind', ROW],
    ['no row', 'refresh-'],
    ['a kind alone', 'refresh'],
    ['another kind', `token-${ROW}`],
    ['a kind in capitals', `Refresh-${ROW}`],
    ['a row that is no UUID', 'refresh-1'],
    ['more behind it', `refresh-${ROW}-1`],
    ['something before it', ` refresh-${ROW}`],
    ['a colon', `refresh:${ROW}`],
    ['a word of every object', 'constructor'],
  ])('is not %s', (_what, text) => expect(parseDeadLetterId(text)).toBeUndefined());
});

it.each([
  ['connected', 0, 0, []],
  ['connected', 0, 4, []],
  ['connected', 0, 5, ['sync']],
  ['refresh_failing', 4, 0, []],
  ['refresh_failing', 5, 0, ['refresh']],
  ['refresh_failing', 40, 9, ['refresh', 'sync']],
  ['refresh_failing', 1, 5, ['sync']],
  ['reauth_required', 5, 5, []],
] as const)(
  'in %s with %d failed refreshes and %d failed syncs a replay can mend %j',
  (status, failedRefreshes, failedSyncs, kinds) =>
    expect(deadLetterKindsOf(anIntegration({ status, failedRefreshes, failedSyncs }))).toEqual(kinds),
);
