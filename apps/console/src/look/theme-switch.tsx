import { useState } from 'react';
import { applyTheme, keptTheme, THEMES, type Theme } from './theme';

const WORDS: Readonly<Record<Theme, string>> = { auto: 'As the system', light: 'Light', dark: 'Dark' };

/** Chooses between light, dark, and what the system says. */
export function ThemeSwitch() {
  const [theme, setTheme] = useState(keptTheme);
  const choose = (value: string): void => {
    const chosen = THEMES.find((known) => known === value) ?? 'auto';
    applyTheme(chosen);
    setTheme(chosen);
  };
  return (
    <label className="theme">
      <span>Appearance</span>
      <select value={theme} onChange={(event) => choose(event.target.value)}>
        {THEMES.map((value) => (
          <option key={value} value={value}>
            {WORDS[value]}
          </option>
        ))}
      </select>
    </label>
  );
}
