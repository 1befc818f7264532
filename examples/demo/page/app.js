import { showControls, wireControls } from './controls.js';
import { showGap, showMessage, showPart, showText, wireConversation } from './conversation.js';
import { openLink } from './link.js';
import { showEvent, showStatus } from './status.js';

const link = document.getElementById('link');
// the same after a reload
const user = sessionStorage.getItem('user') ?? `page-${Math.random().toString(36).slice(2, 6)}`;
sessionStorage.setItem('user', user);

const publish = openLink(
  `ws://${location.host}/ws?user=${user}`,
  {
    'demo.conversation': {
      from: 'start',
      onMessage: showMessage,
      onPart: showPart,
      onText: showText,
      onGap: showGap,
    },
    'demo.events': { from: 'start', onMessage: showEvent },
    'demo.status': {
      onMessage(status) {
        showStatus(status);
        showControls(status);
      },
    },
  },
  (state) => {
    link.dataset.link = state;
    link.textContent = state;
  },
);
wireControls(publish);
wireConversation(publish);
