/** Plays that stay on the page: the one that runs and the one before. */
const KEPT = 2;

const plays = document.getElementById('plays');
const facts = document.getElementById('conversation-facts');

/** @type {(thread: string, data: unknown) => void} */
let publish = () => {};

/** @param {(thread: string, data: unknown) => void} publishes what the visitor answers */
export function wireConversation(publishes) {
  publish = publishes;
}

/** Shows one message of the conversation. */
export function showMessage(message, bytes, id) {
  atEnd(() => show(message, bytes, id));
}

/** Shows what the agent is writing right now. */
export function showText(stream, text) {
  atEnd(() => paragraphOf(stream).append(text));
}

/** Shows how much of the big result is here. */
export function showPart(count, of, bytes) {
  const outcome = plays.querySelector('.play:last-child .outcome:not(.done)');
  if (outcome) outcome.textContent = `${megabytes(bytes)}, ${Math.round((100 * count) / of)} %`;
}

/** Who has scrolled back wants to read there. */
function atEnd(show) {
  const isAtEnd = plays.scrollHeight - plays.scrollTop - plays.clientHeight < 80;
  show();
  if (isAtEnd) plays.scrollTop = plays.scrollHeight;
}

/** Something is missing here, and the reader is told so. */
export function showGap(why) {
  const reasons = {
    trimmed: 'the log has let go of them',
    epoch: 'the demo was started anew',
    fork: 'the log was replaced',
  };
  append(currentPlay(), 'p', `Messages are missing here: ${reasons[why] ?? why}.`).className = 'muted';
}

function show(message, bytes, id) {
  switch (message.type) {
    case 'session':
      beginPlay(message);
      break;
    case 'user':
      append(turn(message.turn, 'user', message.name), 'p', message.text);
      break;
    case 'text':
      // what came token by token, or all of it for who comes later
      paragraphOf(id).textContent = message.text;
      break;
    case 'tool_call':
      showCall(message);
      break;
    case 'tool_result':
      showResult(message, bytes);
      break;
    case 'approval':
      if (plays.querySelector(`[data-play="${message.play}"]`)) showApproval(message, id);
      else early.push({ message, id });
      break;
    case 'said':
      if (plays.querySelector('.play')) showSaid(message, id);
      else early.push({ message, id });
      break;
    case 'done':
      turn(message.turn, 'agent', 'agent').setAttribute('aria-busy', 'false');
      break;
    case 'end':
      currentPlay().dataset.complete = 'true';
      break;
  }
}

/** What overtakes may come before the beginning of its play, where a page joins late. */
let early = [];

function beginPlay({ play, title, agent }) {
  document.getElementById('waiting')?.remove();
  facts.textContent = `${title} · play ${play}`;
  const section = append(plays, 'section');
  section.className = 'play';
  section.dataset.play = play;
  section.dataset.agent = agent;
  while (plays.children.length > KEPT) plays.firstElementChild.remove();
  const waiting = early;
  early = [];
  for (const { message, id } of waiting) show(message, 0, id);
}

/** Who comes in the middle, when the log has let go of the beginning, sees the rest. */
function currentPlay() {
  if (!plays.querySelector('.play')) beginPlay({ play: '–', title: 'Conversation', agent: 'agent' });
  return plays.lastElementChild;
}

function turn(number, kind, name) {
  const play = currentPlay();
  let article = play.querySelector(`[data-turn="${number}"]`);
  if (!article) {
    article = append(play, 'article');
    // an answer's text comes at once, also while what was said before it is still behind a big message
    const later = [...play.querySelectorAll('[data-turn]')].find((other) => Number(other.dataset.turn) > number);
    if (later) play.insertBefore(article, later);
    article.className = `turn ${kind}`;
    article.dataset.turn = number;
    article.setAttribute('aria-busy', String(kind === 'agent'));
    append(article, 'h3', kind === 'agent' ? (play.dataset.agent ?? name) : name);
  }
  return article;
}

/** A stream's id says what it is a part of, `play-1.turn-2.3`, and the last number its place: text may overtake messages. */
function paragraphOf(stream) {
  const [, number, place] = /turn-(\d+)\.(\d+)$/.exec(stream);
  const article = turn(number, 'agent', 'agent');
  const paragraphs = [...article.querySelectorAll('p[data-place]')];
  const known = paragraphs.find((paragraph) => paragraph.dataset.place === place);
  if (known) return known;
  const paragraph = append(article, 'p');
  paragraph.dataset.place = place;
  const next = paragraphs.find((other) => Number(other.dataset.place) > Number(place));
  if (next) article.insertBefore(paragraph, next);
  return paragraph;
}

/** A visitor's word. What overtook the big result comes again at its place, after a reload. */
function showSaid({ user, text }, id) {
  const known = [...plays.querySelectorAll('.said')].some((article) => article.dataset.id === id);
  if (known) return;
  const article = append(currentPlay(), 'article');
  article.className = 'turn user said';
  article.dataset.id = id;
  append(article, 'h3', user);
  append(article, 'p', text);
}

/**
 * The agent's question, which the hub sends as a critical message after the big result. On a live line it comes first, and the card
 * says by how much. After a reload it comes in the order of the log, and the card claims nothing.
 */
function showApproval({ turn: number, call, text }, id) {
  if ([...plays.querySelectorAll('.approval')].some((card) => card.dataset.id === id)) return;
  const article = turn(number, 'agent', 'agent');
  const card = append(article, 'div');
  card.className = 'approval';
  card.dataset.id = id;
  append(card, 'p', text);
  const result = article.querySelector(`[data-call="${call}"] .outcome:not(.done)`);
  if (result) {
    card.dataset.overtakes = call;
    card.dataset.at = String(performance.now());
    append(card, 'small', `Sent after the big result, here before it (${result.textContent}).`);
  }
  const approve = append(card, 'button', 'Approve');
  approve.type = 'button';
  approve.addEventListener('click', () => {
    publish('demo.conversation', 'Approved.');
    approve.disabled = true;
  });
}

/** How much earlier than the result the question was here. */
function measureOvertaking(article, call) {
  const card = article.querySelector(`[data-overtakes="${call}"]`);
  if (!card) return;
  const ms = performance.now() - Number(card.dataset.at);
  card.querySelector('small').textContent = `Sent after the big result, here ${(ms / 1_000).toFixed(1)} s before it.`;
}

function showCall({ turn: number, call, name, input }) {
  const details = append(turn(number, 'agent', 'agent'), 'details');
  details.className = 'tool';
  details.dataset.call = call;
  const summary = append(details, 'summary');
  append(summary, 'code', name);
  append(summary, 'span', 'running').className = 'outcome';
  append(details, 'pre', JSON.stringify(input, null, 2));
}

function showResult({ turn: number, call, output }, bytes) {
  const details = turn(number, 'agent', 'agent').querySelector(`[data-call="${call}"]`);
  if (!details) return;
  const outcome = details.querySelector('.outcome');
  outcome.classList.add('done');
  measureOvertaking(details.parentElement, call);
  if (output.format === 'spans') {
    outcome.textContent = `${output.total.toLocaleString('en')} spans, ${megabytes(bytes)}`;
    const text = append(details, 'p');
    text.className = 'big';
    append(text, 'b', megabytes(bytes));
    text.append(
      ' as one message, built and serialized in a worker thread, encoded once for all clients. Its first row:',
    );
    append(details, 'pre', JSON.stringify(output.rows[0]));
    details.open = true;
    return;
  }
  outcome.textContent = output.format === 'ticket' ? `${output.key}, ${output.state}` : `${output.rows.length} rows`;
  append(details, 'pre', JSON.stringify(output.rows ?? output, null, 1));
}

function megabytes(bytes) {
  return `${(bytes / 1e6).toFixed(1)} MB`;
}

function append(parent, tag, text = '') {
  const element = document.createElement(tag);
  element.textContent = text;
  parent.append(element);
  return element;
}
