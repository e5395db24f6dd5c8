/** The stand-in's page: shows the uploads and sends new ones. */
const KINDS = {
  img: /\.(avif|gif|jpe?g|png|svg|webp)$/i,
  video: /\.(mov|mp4|webm)$/i,
  audio: /\.(flac|m4a|mp3|ogg|wav)$/i,
};

const grid = document.querySelector('.grid');
const form = document.querySelector('form');
const note = document.querySelector('.note');

function show(name) {
  const address = `/media/${encodeURIComponent(name)}`;
  const [kind] = Object.entries(KINDS).find(([, pattern]) => pattern.test(name)) ?? ['a'];
  const media = document.createElement(kind);
  if (kind === 'a') Object.assign(media, { href: address, className: 'file', textContent: 'Open' });
  else Object.assign(media, { src: address, alt: name, controls: true, preload: 'metadata' });
  const caption = document.createElement('figcaption');
  caption.textContent = name;
  const figure = document.createElement('figure');
  figure.append(media, caption);
  return figure;
}

async function refresh() {
  const names = await (await fetch('/uploads')).json();
  grid.replaceChildren(...names.map(show));
}

form.addEventListener('submit', async (event) => {
  event.preventDefault();
  const [file] = form.elements.file.files;
  const answer = await fetch(`/uploads/${encodeURIComponent(file.name)}`, {
    method: 'PUT',
    headers: { 'Content-Type': 'application/octet-stream' },
    body: file,
  });
  note.textContent = answer.ok ? `${file.name} is there.` : (await answer.json()).message;
  if (answer.ok) {
    form.reset();
    await refresh();
  }
});

await refresh();
