import type { OrgId } from '@hub/domain';

/** One act of an intruder who is superuser, and what a verification must say about it. */
export interface Tampering {
  readonly what: string;
  readonly statements: readonly string[];
  /** Findings of which each must be there, as `org kind seq`. */
  readonly expected: readonly string[];
  /** Orgs whose rows and heads it touches: they are put back afterwards. */
  readonly orgs: readonly OrgId[];
}

/** An org's trail as it was filled: events 1 to `events`. */
export interface Filled {
  readonly orgId: OrgId;
  readonly events: number;
}

type Make = (trail: Filled, other: Filled, chance: Chance) => Tampering;

/** Chance that can be had again by its seed. */
export class Chance {
  constructor(private state: number) {}

  /** A whole number from `least` to `most`. */
  between(least: number, most: number): number {
    // Numerical Recipes' constants; good enough to choose rows by
    this.state = (Math.imul(this.state, 1_664_525) + 1_013_904_223) >>> 0;
    return least + Math.floor((this.state / 2 ** 32) * (most - least + 1));
  }

  of<T>(choices: readonly T[]): T {
    const choice = choices[this.between(0, choices.length - 1)];
    if (choice === undefined) throw new Error('there is nothing to choose from');
    return choice;
  }
}

/** Every column that an event has but its place, each with a change that makes it another value. */
const EDITS = {
  id: 'gen_random_uuid()',
  at: "at + interval '1 microsecond'",
  name: "name || '.'",
  provider: "coalesce(provider, '') || 'x'",
  integration_id: 'case when integration_id is null then gen_random_uuid() end',
  actor_type: "actor_type || 's'",
  actor_id: "''",
  detail: "detail || jsonb_build_object('count', -1)",
  prev_hash: 'sha256(prev_hash)',
  hash: 'set_byte(hash, 31, (get_byte(hash, 31) + 1) % 256)',
} as const;

const COLUMNS = 'org_id, seq, id, at, name, provider, integration_id, actor_type, actor_id, detail, prev_hash, hash';

const edits: Make[] = Object.entries(EDITS).map(([column, value]) => ({ orgId, events }, _other, chance) => {
  const seq = chance.between(1, events);
  return {
    what: `${column} of event ${seq} is edited`,
    statements: [`update public.audit_events set ${column} = ${value} where ${at(orgId, seq)}`],
    expected: [`${orgId} edited ${seq}`],
    orgs: [orgId],
  };
});

const rehashed: Make = ({ orgId, events }, _other, chance) => {
  const seq = chance.between(1, events - 1);
  const hash = `hub.audit_hash(prev_hash, org_id, seq, id, at, name, provider, integration_id, actor_type, actor_id, detail)`;
  return {
    what: `event ${seq} is edited and its hash computed anew`,
    statements: [
      `update public.audit_events set actor_id = 'eve' where ${at(orgId, seq)}`,
      `update public.audit_events set hash = ${hash} where ${at(orgId, seq)}`,
    ],
    expected: [`${orgId} edited ${seq}`],
    orgs: [orgId],
  };
};

const deleted: Make = ({ orgId, events }, _other, chance) => {
  const seq = chance.between(1, events - 1);
  return {
    what: `event ${seq} is deleted`,
    statements: [`delete from public.audit_events where ${at(orgId, seq)}`],
    expected: [`${orgId} missing ${seq}`],
    orgs: [orgId],
  };
};

const swapped: Make = ({ orgId, events }, _other, chance) => {
  const one = chance.between(1, events - 1);
  const other = chance.between(one + 1, events);
  const set = `seq = ${one + other} - seq`;
  return {
    what: `events ${one} and ${other} change places`,
    statements: [`update public.audit_events set ${set} where org_id = '${orgId}' and seq in (${one}, ${other})`],
    expected: [`${orgId} reordered ${one}`, `${orgId} reordered ${other}`],
    orgs: [orgId],
  };
};

const doubled: Make = ({ orgId, events }, _other, chance) => {
  const seq = chance.between(1, events);
  const changed = COLUMNS.replace(' id, at,', " gen_random_uuid(), at + interval '1 millisecond',");
  return {
    what: `a second event ${seq} is put in`,
    statements: [
      `insert into public.audit_events (${COLUMNS}) select ${changed} from public.audit_events where ${at(orgId, seq)}`,
    ],
    expected: [`${orgId} inserted ${seq}`],
    orgs: [orgId],
  };
};

const appended: Make = ({ orgId, events }) => ({
  what: 'an event is put behind the head, chained as it should be',
  statements: [
    `insert into public.audit_events (${COLUMNS}) select org_id, ${events + 1}, id, at, name, provider, integration_id, actor_type, 'eve', detail, hash,
       hub.audit_hash(hash, org_id, ${events + 1}, id, at, name, provider, integration_id, actor_type, 'eve', detail)
     from public.audit_events where ${at(orgId, events)}`,
  ],
  expected: [`${orgId} inserted ${events + 1}`],
  orgs: [orgId],
});

const moved: Make = ({ orgId, events }, other, chance) => {
  const seq = chance.between(1, Math.min(events, other.events) - 1);
  return {
    what: `event ${seq} is moved to another org`,
    statements: [`update public.audit_events set org_id = '${other.orgId}' where ${at(orgId, seq)}`],
    expected: [`${orgId} missing ${seq}`, `${other.orgId} inserted ${seq}`],
    orgs: [orgId, other.orgId],
  };
};

const cut: Make = ({ orgId, events }, _other, chance) => {
  const seq = chance.between(1, events);
  return {
    what: `everything from event ${seq} on is cut off`,
    statements: [cutFrom(orgId, seq)],
    expected: [`${orgId} truncated ${seq}`],
    orgs: [orgId],
  };
};

const cutWithHead: Make = ({ orgId, events }, _other, chance) => {
  const seq = chance.between(1, events);
  return {
    what: `everything from event ${seq} on is cut off, the head with it`,
    statements: [cutFrom(orgId, seq), `delete from public.audit_heads where org_id = '${orgId}'`],
    expected: [`${orgId} truncated ${seq}`],
    orgs: [orgId],
  };
};

const cutWithHeadSetBack: Make = ({ orgId, events }, _other, chance) => {
  const seq = chance.between(2, events);
  return {
    what: `everything from event ${seq} on is cut off, the head set back to fit`,
    statements: [
      cutFrom(orgId, seq),
      `update public.audit_heads h set seq = e.seq, hash = e.hash from public.audit_events e
       where h.org_id = '${orgId}' and e.org_id = h.org_id and e.seq = ${seq - 1}`,
    ],
    expected: [`${orgId} truncated ${seq}`],
    orgs: [orgId],
  };
};

const head: Make = ({ orgId, events }) => ({
  what: 'the head gets another hash',
  statements: [`update public.audit_heads set hash = sha256(hash) where org_id = '${orgId}'`],
  expected: [`${orgId} head ${events}`],
  orgs: [orgId],
});

function at(orgId: OrgId, seq: number): string {
  return `org_id = '${orgId}' and seq = ${seq}`;
}

function cutFrom(orgId: OrgId, seq: number): string {
  return `delete from public.audit_events where org_id = '${orgId}' and seq >= ${seq}`;
}

/** Every kind there is. */
const KINDS: readonly Make[] = [
  ...edits,
  rehashed,
  deleted,
  swapped,
  doubled,
  appended,
  moved,
  cut,
  cutWithHead,
  cutWithHeadSetBack,
  head,
];

/**
 * One act for each trail, so that none covers another's tracks; a trail that an act takes a second time is left alone.
 *
 * @param from which kind is the first one's; every kind has its turn
 */
export function tamperings(trails: readonly Filled[], from: number, chance: Chance): Tampering[] {
  const acts: Tampering[] = [];
  const free = [...trails];
  for (let kind = from; free.length > 1; kind += 1) {
    const [trail] = free.splice(chance.between(0, free.length - 1), 1);
    const [other] = free.splice(chance.between(0, free.length - 1), 1);
    const make = KINDS[kind % KINDS.length];
    if (!make || !trail || !other) break;
    const act = make(trail, other, chance);
    acts.push(act);
    if (!act.orgs.includes(other.orgId)) free.push(other);
  }
  return acts;
}
