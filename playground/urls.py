"""Every page of the site, on one page."""

from django.urls import path

from .api import api
from .views import (
    account,
    diffs,
    endpoints,
    managing,
    playground,
    raw,
    runs,
    setup,
    styleguide,
    transforms,
    workspaces,
)

urlpatterns = [
    path("", playground.playground, name="playground"),
    path("draft/", playground.draft_save, name="draft-save"),
    path("columns/", playground.columns_choose, name="columns-choose"),
    path("columns/add/", playground.column_add, name="column-add"),
    path("columns/<int:position>/remove/", playground.column_remove, name="column-remove"),
    path("columns/<int:position>/preview/", raw.column_preview, name="column-preview"),
    path("runs/start/", runs.run_start, name="run-start"),
    path("runs/follow/", runs.run_follow, name="run-follow"),
    path("runs/<uuid:pk>/", runs.run_detail, name="run-detail"),
    path("runs/<uuid:pk>/stop/", runs.run_stop, name="run-stop"),
    path("calls/<uuid:pk>/raw/", raw.call_raw, name="call-raw"),
    path("calls/<uuid:pk>/diff/", diffs.call_diff, name="call-diff"),
    path("calls/<uuid:pk>/markdown/", runs.call_markdown, name="call-markdown"),
    path("calls/<uuid:pk>/stop/", runs.call_stop, name="call-stop"),
    path("calls/<uuid:pk>/retry/", runs.call_retry, name="call-retry"),
    path("endpoints/template/", endpoints.template_example, name="template-example"),
    path("endpoints/", endpoints.endpoint_list, name="endpoint-list"),
    path("endpoints/new/", endpoints.endpoint_new, name="endpoint-new"),
    path("endpoints/found-names/", managing.found_names, name="found-names"),
    path("endpoints/clusters/", managing.cluster_choice, name="cluster-choice"),
    path("endpoints/<uuid:pk>/", endpoints.endpoint_edit, name="endpoint-edit"),
    path("endpoints/<uuid:pk>/check/", endpoints.endpoint_check, name="endpoint-check"),
    path("endpoints/transforms/try/", transforms.transform_try, name="transform-try"),
    path("endpoints/<uuid:pk>/confirm/", transforms.transform_confirm, name="transform-confirm"),
    path("endpoints/<uuid:pk>/delete/", endpoints.endpoint_delete, name="endpoint-delete"),
    path("workspaces/", workspaces.workspace_list, name="workspace-list"),
    path("workspaces/<uuid:pk>/", workspaces.workspace_edit, name="workspace-edit"),
    path("workspaces/<uuid:pk>/check/", workspaces.workspace_check, name="workspace-check"),
    path("workspaces/<uuid:pk>/delete/", workspaces.workspace_delete, name="workspace-delete"),
    path("workspaces/<uuid:pk>/credential/", workspaces.credential_save, name="credential-save"),
    path(
        "workspaces/<uuid:pk>/credential/delete/",
        workspaces.credential_delete,
        name="credential-delete",
    ),
    path(
        "workspaces/<uuid:pk>/serving-endpoints/",
        managing.serving_endpoint_list,
        name="serving-endpoint-list",
    ),
    path("workspaces/<uuid:pk>/found/", managing.found_add, name="found-add"),
    path("workspaces/<uuid:pk>/found/choice/", managing.found_choice, name="found-choice"),
    path(
        "workspaces/<uuid:pk>/serving-endpoints/new/",
        managing.serving_endpoint_new,
        name="serving-endpoint-new",
    ),
    path(
        "workspaces/<uuid:pk>/serving-endpoints/at/<str:name>/",
        managing.serving_endpoint,
        name="serving-endpoint",
    ),
    path(
        "workspaces/<uuid:pk>/serving-endpoints/at/<str:name>/delete/",
        managing.serving_endpoint_delete,
        name="serving-endpoint-delete",
    ),
    path(
        "workspaces/<uuid:pk>/clusters/<str:cluster_id>/",
        managing.cluster_state,
        name="cluster-state",
    ),
    path(
        "workspaces/<uuid:pk>/clusters/<str:cluster_id>/start/",
        managing.cluster_start,
        name="cluster-start",
    ),
    path("account/", account.account, name="account"),
    path("account/theme/", account.theme_save, name="theme-save"),
    path("account/password/", account.password_save, name="password-save"),
    path("account/sessions/end/", account.sessions_end, name="sessions-end"),
    path("account/tokens/", account.token_make, name="token-make"),
    path("account/tokens/<uuid:pk>/revoke/", account.token_revoke, name="token-revoke"),
    path("styleguide/", styleguide.styleguide, name="styleguide"),
    path("setup/", setup.setup, name="setup"),
    path("login/", account.SignInView.as_view(), name="login"),
    path("logout/", account.SignOutView.as_view(), name="logout"),
    path("api/v1/", api.urls),
]

handler400 = "playground.views.errors.bad_request"
handler404 = "playground.views.errors.not_found"
handler500 = "playground.views.errors.server_error"
