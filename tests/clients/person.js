// A person in a browser: signs in, allows what the app asks for, and is sent back to it.

function formOf(page) {
  const text = (pattern) => page.match(pattern)?.[1]?.replaceAll('&amp;', '&');
  return { token: text(/name="form_token" value="([^"]+)"/), boxes: [...page.matchAll(/name="scope" value="([^"]+)" checked/g)].map((m) => m[1].replaceAll('&amp;', '&')) };
}

export async function allow(address, login, password) {
  let cookie = '';
  const visit = async (target, body) => {
    const answer = await fetch(target, {
      redirect: 'manual',
      method: body ? 'POST' : 'GET',
      body,
      headers: { cookie, 'accept-language': 'en' },
    });
    for (const one of answer.headers.getSetCookie()) cookie = one.split(';')[0];
    return answer;
  };
  let page = await (await visit(address)).text();
  const signIn = new URL(page.match(/action="([^"]+)"/)[1].replaceAll('&amp;', '&'), address);
  const form = new URLSearchParams({ form_token: formOf(page).token, login, password });
  const signedIn = await visit(signIn, form);
  page = await (await visit(new URL(signedIn.headers.get('location'), address))).text();
  const { token, boxes } = formOf(page);
  const approval = new URL(page.match(/action="(\/oauth\/authorize[^"]+)"/)[1].replaceAll('&amp;', '&'), address);
  const decision = new URLSearchParams({ form_token: token, decision: 'approve' });
  for (const box of boxes) decision.append('scope', box);
  const allowed = await visit(approval, decision);
  return new URL(allowed.headers.get('location'));
}
