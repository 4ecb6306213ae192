import { randomUUID } from 'node:crypto';
import type { OrgId } from '@hub/domain';
import { Places } from './places';

const anOrg = () => randomUUID() as OrgId;

function taken(place: ReturnType<Places['take']>): () => void {
  if (typeof place === 'string') throw new Error(place);
  return place;
}

describe('the places at a gateway', () => {
  it('are so many for an org, whatever others take', () => {
    const places = new Places({ ofOrg: 2, ofGateway: null });
    const [ours, theirs] = [anOrg(), anOrg()];
    taken(places.take(ours));
    const second = taken(places.take(ours));
    expect(places.take(ours)).toBe('ofOrg');
    taken(places.take(theirs));
    second();
    taken(places.take(ours));
    expect(places.count).toBe(3);
  });

  it('are so many for all', () => {
    const places = new Places({ ofOrg: null, ofGateway: 2 });
    const first = taken(places.take(anOrg()));
    taken(places.take(anOrg()));
    expect(places.take(anOrg())).toBe('ofGateway');
    first();
    taken(places.take(anOrg()));
  });

  it('are given back once, however often that is said', () => {
    const places = new Places({ ofOrg: 1, ofGateway: 1 });
    const org = anOrg();
    const giveBack = taken(places.take(org));
    giveBack();
    giveBack();
    expect(places.count).toBe(0);
    taken(places.take(org));
    giveBack();
    expect(places.take(org)).toBe('ofOrg');
  });

  it('are without end where there is no limit', () => {
    const places = new Places({ ofOrg: null, ofGateway: null });
    const org = anOrg();
    for (let number = 0; number < 1_000; number += 1) taken(places.take(org));
    expect(places.count).toBe(1_000);
  });
});
