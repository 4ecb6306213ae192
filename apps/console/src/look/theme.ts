/** How the page looks: as the system says, or as the reader chose. */
export const THEMES = ['auto', 'light', 'dark'] as const;
export type Theme = (typeof THEMES)[number];

const KEY = 'hub-theme';

/** What the reader chose before; `auto` where nothing is kept, or nothing may be. */
export function keptTheme(): Theme {
  try {
    const kept = localStorage.getItem(KEY);
    return THEMES.find((theme) => theme === kept) ?? 'auto';
  } catch {
    return 'auto'; // storage is blocked: the choice lasts as long as the page
  }
}

/** Shows the page so, and keeps the choice where that is allowed. */
export function applyTheme(theme: Theme): void {
  document.documentElement.dataset['theme'] = theme;
  try {
    localStorage.setItem(KEY, theme);
  } catch {
    // as above
  }
}
