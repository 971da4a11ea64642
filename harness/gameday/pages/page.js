// Both pages: it writes what the server says, counts its clocks on, and sends forms
// without leaving the page. It knows nothing of what is shown: see view in view.go.
'use strict';
(() => {
  const page = document.body;
  const byID = id => document.getElementById(id);
  const all = (selector, within = document) => within.querySelectorAll(selector);

  // The drill's clock, in ms, counted on by a clock that nobody can set. What arrives
  // late says too little: so the furthest that was heard counts, of one connection. Either
  // clock may have stood still before it was opened, as in a computer that slept.
  let ahead = Number(page.dataset.now) / 1e6 - performance.now(), fresh = true;
  const now = () => ahead + performance.now();

  // As words.go has them.
  const whole = ms => Math.floor(Math.max(ms, 0) / 1000);
  const two = n => String(n).padStart(2, '0');
  const spoken = ms => {
    const s = whole(ms), m = Math.floor(s / 60), h = Math.floor(s / 3600);
    if (s < 60) return `${s} s`;
    return s < 3600 ? `${m} min ${two(s % 60)} s` : `${h} h ${two(m % 60)} min`;
  };
  const digits = ms => {
    const s = whole(ms), m = Math.floor(s / 60), h = Math.floor(s / 3600);
    return s < 3600 ? `${m}:${two(s % 60)}` : `${h}:${two(m % 60)}:${two(s % 60)}`;
  };
  const running = (count, at) => {
    const past = now() - at / 1e6;
    switch (count) {
      case 'for': return `for ${spoken(past)}`;
      case 'ago': return past < 5000 ? 'just now' : `${spoken(past)} ago`;
      case 'in': return past > -1000 ? 'at any moment' : `in ${spoken(-past)}`;
      case 'clock': return digits(past);
      default: return digits(-past);
    }
  };

  const write = (node, text) => { if (node.textContent !== text) node.textContent = text; };
  const mark = (node, name, value) => {
    if (value === undefined || value === '') delete node.dataset[name];
    else if (node.dataset[name] !== value) node.dataset[name] = value;
  };
  const make = (tag, attributes = {}) => {
    const node = document.createElement(tag);
    for (const [name, value] of Object.entries(attributes)) node.setAttribute(name, value);
    return node;
  };

  // What a node was last made of. One that is as it was is left alone: somebody may
  // have marked a text in it, and a screen reader would read it out again.
  const made = new WeakMap();
  const unchanged = (node, of) => {
    const text = JSON.stringify(of);
    if (made.get(node) === text) return true;
    made.set(node, text);
    return false;
  };

  function fill(node, cell) {
    mark(node, 'tone', cell.tone);
    if (!cell.count) {
      if (node.childElementCount) node.replaceChildren(); // a counter may say the same now, and would go on
      return write(node, cell.text);
    }
    let counter = node.querySelector('[data-count]');
    if (!counter) {
      counter = make('span');
      node.replaceChildren('', counter);
    }
    counter.dataset.count = cell.count;
    counter.dataset.at = cell.at_ns ?? 0;
    const before = cell.text ? `${cell.text} ` : '';
    const first = node.firstChild === counter ? node.insertBefore(document.createTextNode(''), counter) : node.firstChild;
    if (first.data !== before) first.data = before;
    write(counter, running(cell.count, cell.at_ns ?? 0));
  }

  const lines = {
    TABLE(row, table) {
      const tr = make('tr', { role: 'row' });
      const heads = [...all('thead th', table)].map(th => th.textContent);
      row.cells.forEach((cell, i) => {
        const td = make('td', { role: 'cell', 'data-head': heads[i] });
        fill(td, cell);
        tr.append(td);
      });
      return tr;
    },
    SELECT(row) {
      const option = make('option', { value: row.cells[1].text });
      option.textContent = row.cells[0].text;
      return option;
    },
    LIST(row) {
      const li = make('li');
      row.cells.forEach((cell, i) => {
        const span = make('span');
        fill(span, cell);
        li.append(...(i ? [' ', span] : [span]));
      });
      return li;
    },
  };
  const nothing = {
    TABLE(text, table) {
      const tr = make('tr', { role: 'row', class: 'none' });
      const td = make('td', { role: 'cell', colspan: all('thead th', table).length });
      td.textContent = text;
      tr.append(td);
      return tr;
    },
    SELECT(text) {
      const option = make('option', { value: '' });
      option.textContent = text;
      return option;
    },
    LIST(text) {
      const li = make('li', { class: 'none' });
      li.textContent = text;
      return li;
    },
  };

  // Rows that stay are moved, not made anew.
  function tabulate(node, table) {
    const rows = table.rows ?? [];
    if (unchanged(node, rows)) return;
    const kind = node.tagName in lines ? node.tagName : 'LIST';
    const inside = kind === 'TABLE' ? node.tBodies[0] : node;
    const chosen = node.value;
    const had = new Map();
    for (const line of inside.children) {
      const key = made.get(line);
      if (key) had.set(key, [...(had.get(key) ?? []), line]);
    }
    const wanted = rows.map(row => {
      const kept = had.get(JSON.stringify(row))?.shift();
      if (kept) return kept;
      const line = lines[kind](row, node);
      mark(line, 'tone', row.tone);
      unchanged(line, row);
      return line;
    });
    if (!wanted.length) wanted.push(nothing[kind](node.dataset.none, node));
    const keep = new Set(wanted);
    for (const line of [...inside.children]) if (!keep.has(line)) line.remove();
    wanted.forEach((line, i) => { if (inside.children[i] !== line) inside.insertBefore(line, inside.children[i] ?? null); });
    if (kind === 'SELECT' && [...node.options].some(o => o.value === chosen)) node.value = chosen;
  }

  let meter = null;
  function show(event) {
    const wall = event.wall ?? event, view = event.view;
    const told = wall.now_ns / 1e6 - performance.now();
    ahead = fresh ? told : Math.max(ahead, told);
    fresh = false;
    document.title = view.title;
    mark(page, 'phase', view.phase);
    for (const node of all('[data-slot]')) {
      const cell = view.texts[node.dataset.slot];
      if (!unchanged(node, cell)) fill(node, cell);
    }
    for (const node of all('[data-table]')) tabulate(node, view.tables[node.dataset.table]);
    for (const node of all('[data-path]')) {
      const d = view.paths[node.dataset.path];
      if (node.getAttribute('d') !== d) node.setAttribute('d', d);
    }
    for (const node of all('[data-when]')) {
      const hide = !view.flags.includes(node.dataset.when);
      if (hide && node.contains(document.activeElement)) byID('main').focus();
      node.hidden = hide;
      if (node.tagName === 'BUTTON') node.disabled = hide; // or Enter in a field would press it
    }
    meter = { ...view.meter, at: wall.now_ns / 1e6 };
    tick();
  }

  function tick() {
    for (const node of all('[data-count]')) write(node, running(node.dataset.count, Number(node.dataset.at)));
    if (meter) {
      const spent = meter.spent_ns / 1e6 + (meter.runs ? now() - meter.at : 0);
      byID('meter').max = meter.whole_ns / 1e9;
      byID('meter').value = Math.floor(spent / 1000);
    }
  }

  // The stream. The browser connects again by itself where it can; where it gave up,
  // or hears nothing although the server gives a sign every ten seconds, we do.
  const silence = 25000, patience = 3000;
  let source, heard = performance.now(), heardAt = new Date(), waiting = 0;

  function hear() {
    heard = performance.now();
    heardAt = new Date();
    page.dataset.live = '';
    delete page.dataset.lost;
    write(byID('live'), 'live');
    byID('lost').hidden = true;
  }
  function lose() {
    delete page.dataset.live;
    if ('lost' in page.dataset) return;
    page.dataset.lost = '';
    write(byID('live'), 'not connected');
    const notice = byID('lost'), since = heardAt.toLocaleTimeString([], { hour12: false });
    notice.hidden = false;
    write(notice, page.dataset.phase === 'over'
      ? `The game day is over, and its pages closed at ${since}. This is how it ended.`
      : `No connection since ${since}. The exercise goes on; what is shown here is older than that.`);
  }
  function connect() {
    waiting = 0;
    heard = performance.now();
    source?.close();
    source = new EventSource(page.dataset.events);
    source.onopen = () => { fresh = true; hear(); };
    source.addEventListener('beat', hear);
    source.onmessage = event => {
      if (!event.lastEventId.startsWith(`${page.dataset.server}-`)) {
        source.close(); // another game day's server answers at this address
        return location.reload();
      }
      hear();
      show(JSON.parse(event.data));
    };
    source.onerror = () => {
      lose();
      if (source.readyState === EventSource.CLOSED) waiting ||= setTimeout(connect, patience);
    };
  }
  setInterval(() => {
    tick();
    if (performance.now() - heard > silence && !waiting) {
      lose();
      connect();
    }
  }, 250);

  // Forms.
  const told = (form, text, tone) => {
    const line = form.querySelector('.told');
    mark(line, 'tone', tone);
    write(line, text);
  };
  const unask = form => { for (const question of all('.ask', form)) question.hidden = true; };

  async function send(form, button) {
    const body = new URLSearchParams(new FormData(form, button));
    const to = button.hasAttribute('formaction') ? button.formAction : form.action;
    told(form, 'Sending …');
    button.setAttribute('aria-disabled', 'true');
    try {
      const answer = await fetch(to, { method: 'POST', body, headers: { Accept: 'text/plain' } });
      if (!answer.ok) return told(form, (await answer.text()).trim(), 'violated');
      told(form, button.dataset.told ?? 'Done.');
      for (const text of all('textarea', form)) text.value = '';
    } catch {
      told(form, 'There is no connection: nobody knows whether this was done.', 'violated');
    } finally {
      button.removeAttribute('aria-disabled');
      if (button.closest('.ask')?.contains(document.activeElement)) byID('main').focus();
      unask(form);
    }
  }
  document.addEventListener('submit', event => {
    event.preventDefault();
    const form = event.target, button = event.submitter;
    if (button.getAttribute('aria-disabled')) return;
    told(form, '');
    if (!button.dataset.ask) return send(form, button);
    unask(form);
    const question = byID(button.dataset.ask);
    question.hidden = false;
    question.focus();
  });
  document.addEventListener('click', event => {
    if ('notYet' in event.target.dataset) {
      const form = event.target.form, asked = event.target.closest('.ask').id;
      unask(form);
      form.querySelector(`[data-ask="${asked}"]`).focus();
    }
  });
  document.addEventListener('keydown', event => {
    const question = event.key === 'Escape' && event.target.closest('.ask');
    if (question) question.querySelector('[data-not-yet]').click();
  });

  // A name is typed once. Some browsers keep nothing for a page: then it is again.
  const name = byID('by');
  if (name) {
    try {
      name.value ||= localStorage.getItem('firedrill-name') ?? '';
      name.addEventListener('input', () => localStorage.setItem('firedrill-name', name.value));
    } catch { /* as said */ }
  }

  connect();
})();
