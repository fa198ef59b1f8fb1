"""Imports every table of the house, so that `Base.metadata` is complete for migrations and tests."""

import actions.account.bind
import actions.effects
import care.models
import channels.contacts.models
import channels.inbox.models
import channels.media.models
import channels.outbox.models
import channels.questions.models
import channels.wechat.console.models
import channels.wechat.models
import channels.wording.models
import content.articles.models
import content.audiences.models
import content.campaigns.models
import content.faq.models
import content.faq.questions.models
import content.insight.forecast.models
import content.insight.models
import content.media.models
import content.reading.models
import server.demo.models
import store.audit
import store.events
import web.signin.models
from store.base import Base

__all__ = ["Base", "actions", "care", "channels", "content", "server", "store", "web"]
