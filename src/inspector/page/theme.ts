import { byId, write } from './dom.ts';

const KEY = 'threadcast.inspector.theme';
const THEMES = ['auto', 'light', 'dark'] as const;

type Theme = (typeof THEMES)[number];

/** Light or dark: as the reader's system has it, or as the button says. Calls when the colours have changed. */
export function followTheme(onChange: () => void): void {
  const button = byId('theme');
  let theme: Theme = THEMES.find((known) => known === localStorage.getItem(KEY)) ?? 'auto';
  const apply = (): void => {
    write(button, `Theme: ${theme}`);
    document.documentElement.dataset['theme'] = theme;
    onChange();
  };
  button.addEventListener('click', () => {
    theme = THEMES[(THEMES.indexOf(theme) + 1) % THEMES.length] ?? 'auto';
    localStorage.setItem(KEY, theme);
    apply();
  });
  matchMedia('(prefers-color-scheme: dark)').addEventListener('change', onChange);
  apply();
}
