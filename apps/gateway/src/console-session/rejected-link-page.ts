import { page, type Page } from '../http/page';

/** The one page for every link that signs nobody in, whatever the reason. */
export const REJECTED_LINK_PAGE: Page = page(
  'This link is not valid any more',
  '<h1>This link is not valid any more</h1><p>It signs in once, within a few minutes. It was used before, it is too old, or it was not made here. Nothing was changed.</p><p>Go back to the product and open your integrations from there again.</p>',
);
