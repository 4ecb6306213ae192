import type { FlowId } from '@hub/domain';
import { flowCookie, flowCookieName, spentCookie } from './flow-cookie';

const ID = '9f1c2a34-0000-4000-8000-000000000000' as FlowId;

describe("a flow's cookie", () => {
  it('on https is of this very host, and sent over https alone', () => {
    expect(flowCookie('flow', ID, 'value', 'https://hub.example')).toEqual({
      name: `__Host-hub_flow_${ID}`,
      value: 'value',
      options: { httpOnly: true, sameSite: 'lax', secure: true, path: '/', maxAge: 600 },
    });
  });

  it('on http does without what browsers would refuse there', () => {
    const { name, options } = flowCookie('flow', ID, 'value', 'http://localhost:3000');
    expect(name).toBe(`hub_flow_${ID}`);
    expect(options.secure).toBe(false);
  });

  it.each(['https://hub.example', 'http://localhost:3000'])('is taken back as it was given, at %s', (publicUrl) => {
    const given = flowCookie('confirm', ID, 'value', publicUrl);
    expect(spentCookie('confirm', ID, publicUrl)).toEqual({
      name: given.name,
      value: '',
      options: { ...given.options, maxAge: 0 },
    });
  });

  it('has a name of its own for each flow and purpose', () => {
    const other = ID.replace('9', '8') as FlowId;
    const names = [ID, other].flatMap((id) =>
      (['flow', 'confirm'] as const).map((purpose) => flowCookieName(purpose, id, 'https://hub.example')),
    );
    expect(new Set(names).size).toBe(4);
  });
});
