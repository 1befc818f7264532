import DefaultTheme from 'vitepress/theme';
import type { Theme } from 'vitepress';
import Diagram from './Diagram.vue';
// oxlint-disable-next-line import/no-unassigned-import -- a style is loaded for its effect
import './style.css';

const theme: Theme = {
  extends: DefaultTheme,
  enhanceApp: ({ app }) => void app.component('Diagram', Diagram),
};
export default theme;
