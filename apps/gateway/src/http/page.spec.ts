import { createHash } from 'node:crypto';
import { errorPage, escapeHtml, INVALID_STATE_PAGE, page } from './page';

describe('text inside a page', () => {
  it.each([
    ['<script>', '&#60;script&#62;'],
    ['a & b', 'a &#38; b'],
    ['"quoted" \'too\' `and so`', '&#34;quoted&#34; &#39;too&#39; &#96;and so&#96;'],
    ['&lt;', '&#38;lt;'],
    ['plain', 'plain'],
  ])('%s', (text, html) => {
    expect(escapeHtml(text)).toBe(html);
  });
});

describe('a page', () => {
  const policyOf = (made: ReturnType<typeof page>) => made.headers['content-security-policy'] ?? '';

  it('runs no script, loads nothing and is framed by nobody', () => {
    const made = page('Title', '<p>Body</p>');
    expect(policyOf(made)).toMatch(/^default-src 'none'; /);
    expect(policyOf(made)).toContain("frame-ancestors 'none'");
    expect(policyOf(made)).toContain("form-action 'none'");
    expect(policyOf(made)).not.toContain('unsafe');
    expect(made.html).not.toMatch(/<script|src=|url\(|@import/);
    expect(made.headers).toMatchObject({ 'cache-control': 'no-store' });
  });

  it('has exactly the style that its policy allows', () => {
    const made = page('Title', '');
    const style = /<style>([\s\S]*)<\/style>/.exec(made.html)?.[1] ?? '';
    expect(policyOf(made)).toContain(`'sha256-${createHash('sha256').update(style).digest('base64')}'`);
  });

  it('lets its form lead on over any site, without TLS only where it leads to one', () => {
    const at = (...targets: string[]): string => policyOf(page('Title', '', targets));
    expect(at('https://a.example/x', 'https://b.example')).toContain("; form-action 'self' https:; ");
    expect(at('http://localhost:3000/integrations')).toContain("; form-action 'self' https: http:; ");
  });

  it('escapes its title', () => {
    expect(page('<b>', '').html).toContain('<title>&#60;b&#62;</title>');
  });

  it('of a problem says what is wrong and what to do, in harmless letters', () => {
    const { html } = errorPage({ title: 'A <title>', message: 'A <message>', fix: 'A <fix>' });
    expect(html).toContain('<h1>A &#60;title&#62;</h1><p>A &#60;message&#62;</p><p>A &#60;fix&#62;</p>');
    expect(errorPage({ title: 'T', message: 'M', fix: undefined }).html).toContain('<p>M</p></main>');
  });

  it('for a state that is not good tells no reason', () => {
    expect(INVALID_STATE_PAGE.html).not.toMatch(/expired|unknown|replayed|org|provider/i);
  });
});
