import { createHash } from 'node:crypto';
import type { ConsentAsk } from '../../../../libs/providers/src/sandbox/sandbox-provider.sandbox';
import { consentPage } from './consent-page';

function aPage(fields: Partial<ConsentAsk> = {}): { html: string; policy: string } {
  const ask: ConsentAsk = {
    clientId: 'client',
    redirectUri: 'https://hub.example/callback',
    account: 'acme',
    accountLabel: 'Shop',
    choices: { legend: 'Scopes', options: [{ value: 'read', label: 'Read', ticked: true }] },
    params: new URLSearchParams({ client_id: 'client', state: 'st' }),
    ...fields,
  };
  const { body, headers } = consentPage('Shopify', ask);
  return { html: body as string, policy: headers!['content-security-policy']! };
}

describe('the consent page', () => {
  it('says what it is, and carries the request, the account and two decisions in one form', () => {
    const { html } = aPage();
    expect(html).toContain('stands in for Shopify');
    expect(html.match(/<form/g)).toHaveLength(1);
    expect(html).toContain('<form method="post">');
    expect(html).toContain('<input type="hidden" name="state" value="st">');
    expect(html).toMatch(/name="account" value="acme"/);
    expect(html).toMatch(/name="decision" value="approve"/);
    expect(html).toMatch(/name="decision" value="deny"/);
    expect(html).toContain('name="granted" value="read" checked');
  });

  it('lets nothing from outside speak', () => {
    const evil = '"><script>alert(1)</script>';
    const { html } = aPage({ account: evil, clientId: evil, params: new URLSearchParams({ [evil]: evil }) });
    expect(html).not.toContain('<script');
  });

  it('runs no script and only its own style', () => {
    const { html, policy } = aPage();
    const style = /<style>([\s\S]*)<\/style>/.exec(html)![1]!;
    const hash = createHash('sha256').update(style).digest('base64');
    expect(policy).toBe(`default-src 'none'; style-src 'sha256-${hash}'; base-uri 'none'; frame-ancestors 'none'`);
    expect(html).not.toMatch(/ style=|https?:\/\/(?!hub\.example)/);
  });
});
