// The two-phone page: one live stream feeds both chats; every button is a small POST.
import { Phone } from "./phones/chat.js";
import { Remote } from "./phones/remote.js";
import { setUpPeople } from "./phones/people.js";
import { setUpClock, setUpMedia, setUpNotices } from "./phones/extras.js";
import { setUpWeChat } from "./phones/wechat.js";
import { Window } from "./phones/window.js";

const root = document.getElementById("phones");

if (root) {
  const remote = new Remote(() => root.dataset.person);
  const wechat = new Phone(document.getElementById("wechat"), {
    send: (text) => remote.press("wechat/text", { text }),
    tap: (item) => remote.press("wechat/tap", { item_id: item.id }),
    myFace: () => root.dataset.name.slice(0, 1),
    faces: true,
    hint: "还没有消息。打个招呼，或者说说哪里不舒服，比如“我妈眼睛看东西模糊想挂个号”。",
  });
  const sms = new Phone(document.getElementById("sms"), {
    send: (text) => remote.press("sms/text", { text }),
    faces: false,
    hint: "还没有短信。发一条试试，比如“停车场在哪”。",
  });
  const showQuota = setUpWeChat(wechat, remote);
  const window_ = new Window(document.getElementById("window"));
  const showNotices = setUpNotices(remote, root.querySelector("[data-notices]"));
  setUpMedia(remote);
  setUpClock(remote, () => window_.now(), () => remote.refresh());
  const showStatus = (status) => [showQuota, (one) => window_.set(one), showNotices].forEach((show) => show(status));
  const feed = document.getElementById("feed");
  const refreshFeed = () => feed && window.htmx.trigger(feed, "refresh");

  let late = 0;
  remote.listen({
    wechat: (event) => wechat.show(event),
    sms: (event) => sms.show(event),
    status: showStatus,
    start: () => [wechat, sms].forEach((phone) => phone.start()),
    ready: () => [wechat, sms].forEach((phone) => phone.ready()),
    any: () => {
      clearTimeout(late);
      late = setTimeout(refreshFeed, 250);
    },
  });

  setUpPeople(root, (person) => {
    if (feed) {
      feed.setAttribute("hx-get", `/phones/${encodeURIComponent(person.id)}/feed`);
      window.htmx.process(feed);
      refreshFeed();
    }
    remote.restart();
  });

  for (const tab of root.querySelectorAll("button[data-show]")) {
    tab.addEventListener("click", () => {
      root.dataset.show = tab.dataset.show;
      for (const other of root.querySelectorAll("button[data-show]")) {
        other.setAttribute("aria-pressed", String(other === tab));
      }
      [wechat, sms].forEach((phone) => phone.toEnd());
    });
  }

  const clock = new Intl.DateTimeFormat("zh-CN", { hour: "numeric", minute: "2-digit", hour12: false, timeZone: "Asia/Shanghai" });
  const tick = () => root.querySelectorAll("[data-wall-clock]").forEach((one) => (one.textContent = clock.format(new Date(window_.now()))));
  tick();
  setInterval(tick, 5000);
}
