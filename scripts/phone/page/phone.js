// Says when this device trusts the site's certificate: a request to it then succeeds, which is all that can be seen
// of it from here.
'use strict';

const line = document.getElementById('status');
let trusted = false;

async function probe() {
  if (trusted) return;
  try {
    await fetch(line.dataset.probe, { mode: 'no-cors', cache: 'no-store' });
    trusted = true;
    line.textContent = '✓ This device trusts the certificate.';
    document.documentElement.classList.add('trusted');
  } catch {
    line.textContent = 'This device does not trust the certificate yet. This line changes by itself.';
  }
}

// Whoever comes back from the device's settings should not have to wait.
for (const event of ['pageshow', 'focus']) addEventListener(event, probe);
document.addEventListener('visibilitychange', probe);
setInterval(probe, 2000);
probe();

// The steps for this kind of device alone; an iPad may say that it is a Macintosh.
const all = [...document.querySelectorAll('details')];
const mine = all.filter((d) => new RegExp(d.dataset.for).test(navigator.userAgent));
if (mine.length) for (const d of all) d.open = mine.includes(d);
