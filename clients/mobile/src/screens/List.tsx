import { useSignal } from "@preact/signals";
import { toast } from "../../../web/src/state/page/toasts";
import { Icon } from "../../../web/src/ui/Icon";
import type { Server } from "../servers/servers";
import { choosing, forget, reload, servers } from "../shell";
import { t } from "../words";

/** The servers that this phone knows: to use, rename and remove. */
export function List() {
  return (
    <ul class="servers" aria-label={t("servers")}>
      {servers.all.value.map((each) => (
        <Row key={each.id} server={each} />
      ))}
    </ul>
  );
}

function Row({ server }: { server: Server }) {
  const doing = useSignal<"nothing" | "renaming" | "removing">("nothing");
  const name = useSignal(server.name);
  const busy = useSignal(false);
  const inUse = servers.current.value?.id === server.id;

  const use = async () => {
    if (inUse) {
      choosing.value = false;
      return;
    }
    // The sheet stays until the page is new: closing it is a step of the history, which may come
    // before the reload and undo it.
    await servers.choose(server);
    reload();
  };
  const rename = async (event: Event) => {
    event.preventDefault();
    const given = name.peek().trim();
    if (given) await servers.rename(server, given);
    doing.value = "nothing";
  };
  const remove = async () => {
    busy.value = true;
    toast(t((await forget(server)) ? "removed" : "untold"));
  };

  if (doing.value === "renaming") {
    return (
      <li>
        <form class="row" onSubmit={(event) => void rename(event)}>
          <input
            aria-label={t("newName")}
            value={name.value}
            maxLength={60}
            ref={(field) => field?.focus()}
            onInput={(event) => (name.value = event.currentTarget.value)}
          />
          <button class="primary">{t("keepName")}</button>
        </form>
      </li>
    );
  }
  if (doing.value === "removing") {
    return (
      <li role="group" aria-label={t("surely", server.name)}>
        <p>{t("surely", server.name)}</p>
        <div class="row">
          <button
            type="button"
            class="primary"
            disabled={busy.value}
            ref={(button) => button?.focus()}
            onClick={() => void remove()}
          >
            {t("yes")}
          </button>
          <button type="button" onClick={() => (doing.value = "nothing")}>
            {t("no")}
          </button>
        </div>
      </li>
    );
  }
  return (
    <li class="row">
      <button type="button" class="plain" aria-current={inUse ? "true" : undefined} onClick={() => void use()}>
        <span>
          {server.name}
          <span class="muted">
            {server.base}
            {inUse && ` · ${t("inUse")}`}
          </span>
        </span>
      </button>
      <button type="button" class="plain" aria-label={t("rename", server.name)} onClick={() => (doing.value = "renaming")}>
        <Icon name="edit" />
      </button>
      <button type="button" class="plain" aria-label={t("remove", server.name)} onClick={() => (doing.value = "removing")}>
        <Icon name="trash" />
      </button>
    </li>
  );
}
