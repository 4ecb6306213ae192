import { mkdirSync, rmSync } from 'node:fs';
import path from 'node:path';
import type { Browser } from 'playwright-core';
import { BROWSER_WITHIN_MS, launchChromium } from './chromium';
import { Visitor, type VisitorOptions } from './visitor';

/** The real browser of a test file. */
export interface RealBrowser {
  /** Somebody with a browser profile of their own that knows nothing yet; it ends with the test. */
  visitor(options?: VisitorOptions): Promise<Visitor>;
}

/**
 * One browser for a test file, and a profile for each person in it; call it at the top of the file. Every test ends with a
 * picture of each page that is still open, in `.cache/screenshots/<name>/`, and fails if a page complained: an error on the
 * console, an exception that nobody caught, or something that a content security policy kept out.
 *
 * @param name the folder of its pictures
 */
export function realBrowser(name: string): RealBrowser {
  const pictures = path.join(process.cwd(), '.cache/screenshots', name);
  const visitors: Visitor[] = [];
  let browser: Browser;

  beforeAll(async () => {
    rmSync(pictures, { recursive: true, force: true });
    mkdirSync(pictures, { recursive: true });
    browser = await launchChromium();
  }, BROWSER_WITHIN_MS);

  afterEach(async () => {
    const mine = visitors.splice(0);
    const test = expect.getState().currentTestName ?? 'a test';
    await Promise.all(mine.map((visitor, place) => visitor.pictureOf(place === 0 ? test : `${test} (${place + 1})`)));
    const complaints = mine.flatMap((visitor) => visitor.unexpected());
    await Promise.all(mine.map((visitor) => visitor.leave()));
    expect(complaints).toEqual([]);
  });

  afterAll(() => browser?.close());

  return {
    async visitor(options = {}) {
      const visitor = await Visitor.enter(browser, pictures, options);
      visitors.push(visitor);
      return visitor;
    },
  };
}
