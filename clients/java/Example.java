// 用生成的 Java 客户端办一件事：登录、翻页、起草、流转、看还缺什么、处理拒绝。
// One piece of work with the generated Java client: sign in, page, draft, move, see what is missing, be refused.
// RECTIFY_URL, RECTIFY_USERNAME and RECTIFY_PASSWORD say where and who.

import cn.rectify.ApiClient;
import cn.rectify.ApiException;
import cn.rectify.ApiResponse;
import cn.rectify.api.CloseoutApi;
import cn.rectify.api.ItemsApi;
import cn.rectify.api.LedgersApi;
import cn.rectify.api.SessionApi;
import cn.rectify.model.ClosingReadinessOut;
import cn.rectify.model.DuplicateAnswer;
import cn.rectify.model.DuplicateVerdictCode;
import cn.rectify.model.GateReadinessOut;
import cn.rectify.model.ItemIn;
import cn.rectify.model.ItemOut;
import cn.rectify.model.ItemPage;
import cn.rectify.model.LedgerPage;
import cn.rectify.model.Me;
import cn.rectify.model.MissingOut;
import cn.rectify.model.Problem;
import cn.rectify.model.ProblemEntry;
import cn.rectify.model.RegisterData;
import cn.rectify.model.Severity;
import cn.rectify.model.SourceIn;
import cn.rectify.model.TransitionItemRequest;
import cn.rectify.model.TransitionRegister;
import cn.rectify.model.TransitionReply;
import cn.rectify.model.TransitionSubmit;
import java.time.LocalDate;
import java.util.List;
import java.util.UUID;

public final class Example {
    private final ApiClient client = new ApiClient();
    private ItemsApi items;
    private Me me;

    private Example(String url) {
        client.updateBaseUri(url);
    }

    public static void main(String[] args) throws Exception {
        new Example(System.getenv("RECTIFY_URL")).run();
    }

    private void run() throws Exception {
        signIn();
        me = new SessionApi(client).getMe(SessionApi.APIGetMeRequest.newBuilder().build());
        System.out.println("登录 signed in: " + me.getName());
        System.out.println("事项 items: " + countItems());
        ApiResponse<ItemOut> made = draft();
        UUID itemId = made.getData().getId();
        move(itemId, etagOf(made));
        ClosingReadinessOut ready = new CloseoutApi(client).getClosingReadiness(
                CloseoutApi.APIGetClosingReadinessRequest.newBuilder().itemId(itemId).build());
        System.out.println("可以销号 ready: " + ready.getReady() + " 下一步 next: " + ready.getNextAction());
        for (GateReadinessOut gate : ready.getGates()) {
            List<String> missing = gate.getMissing().stream().map(MissingOut::getRule).toList();
            System.out.println("  " + gate.getGate() + " " + gate.getStatus() + " " + missing);
        }
    }

    // 登录；此后新建的 Api 都带令牌。Every Api made from here on sends the token.
    private void signIn() throws ApiException {
        String username = System.getenv("RECTIFY_USERNAME");
        String password = System.getenv("RECTIFY_PASSWORD");
        SessionApi.APISignInRequest form =
                SessionApi.APISignInRequest.newBuilder().username(username).password(password).build();
        String token = new SessionApi(client).signIn(form).getAccessToken();
        client.setRequestInterceptor(request -> request.header("Authorization", "Bearer " + token));
        items = new ItemsApi(client);
    }

    // 沿 next_cursor 翻到底；null 才是末页。Follows the cursor; null is the only end.
    private int countItems() throws ApiException {
        ItemsApi.APIListItemsRequest.Builder asked = ItemsApi.APIListItemsRequest.newBuilder().limit(3);
        ItemPage page = items.listItems(asked.build());
        int seen = page.getItems().size();
        while (page.getNextCursor() != null) {
            page = items.listItems(asked.cursor(page.getNextCursor()).build());
            seen += page.getItems().size();
        }
        return seen;
    }

    // 起草一次；同一个幂等键再发一次，得到的还是这一件。The same key again gives the same item.
    private ApiResponse<ItemOut> draft() throws ApiException {
        LedgerPage ledgers =
                new LedgersApi(client).listLedgers(LedgersApi.APIListLedgersRequest.newBuilder().build());
        ItemIn item = new ItemIn()
                .ledgerId(ledgers.getItems().get(0).getId())
                .title("接待清单要素不全")
                .description("抽查的公务接待报销单有四份缺少陪同人员名单。")
                .source(new SourceIn().type("self_inspection"))
                .category("official_spending")
                .foundOn(LocalDate.now())
                .responsibleUnitId(me.getPosts().get(0).getUnitId());
        ItemsApi.APICreateItemRequest asked = ItemsApi.APICreateItemRequest.newBuilder()
                .idempotencyKey(UUID.randomUUID().toString()).itemIn(item).build();
        ApiResponse<ItemOut> first = items.createItemWithHttpInfo(asked);
        ApiResponse<ItemOut> again = items.createItemWithHttpInfo(asked);
        if (!first.getData().getId().equals(again.getData().getId())
                || !again.getHeaders().containsKey("idempotent-replayed")) {
            throw new IllegalStateException("重复请求建立了第二件 a retry made a second item");
        }
        return first;
    }

    // 提交，再立账；ETag 过时是 412，条件不满足是 409。Outdated is 412, unmet conditions are 409.
    private void move(UUID itemId, String etag) throws Exception {
        TransitionSubmit submit = new TransitionSubmit().action(TransitionSubmit.ActionEnum.SUBMIT);
        ApiResponse<TransitionReply> submitted = transition(itemId, etag, new TransitionItemRequest(submit));
        System.out.println("提交 submitted: " + submitted.getData().getItem().getState());

        List<DuplicateAnswer> answers = items.listDuplicates(
                        ItemsApi.APIListDuplicatesRequest.newBuilder().itemId(itemId).build())
                .getItems().stream()
                .map(one -> new DuplicateAnswer().itemId(one.getItemId()).verdict(DuplicateVerdictCode.DIFFERENT))
                .toList();
        Problem outdated = refused(itemId, etag, register(answers, null));
        System.out.println("版本过时 outdated: " + outdated.getStatus() + " " + outdated.getCode()
                + " current_version " + outdated.getCurrentVersion());

        String current = etagOf(submitted);
        Problem unmet = refused(itemId, current, register(answers, null));
        System.out.println("条件不满足 unmet: " + unmet.getStatus() + " " + unmet.getCode() + " "
                + unmet.getErrors().stream().map(ProblemEntry::getRule).toList());

        ItemOut item = transition(itemId, current, register(answers, Severity.GENERAL)).getData().getItem();
        System.out.println("立账 registered: " + item.getNumber() + " " + item.getState());
    }

    private TransitionItemRequest register(List<DuplicateAnswer> answers, Severity severity) {
        RegisterData data = new RegisterData().duplicates(answers).severity(severity);
        return new TransitionItemRequest(
                new TransitionRegister().action(TransitionRegister.ActionEnum.REGISTER).data(data));
    }

    // 每次办理用一个新的幂等键，重试才用旧的。A new key for each attempt, the old one only for a retry.
    private ApiResponse<TransitionReply> transition(UUID itemId, String etag, TransitionItemRequest body)
            throws ApiException {
        return items.transitionItemWithHttpInfo(ItemsApi.APITransitionItemRequest.newBuilder()
                .itemId(itemId).idempotencyKey(UUID.randomUUID().toString()).ifMatch(etag)
                .transitionItemRequest(body).build());
    }

    // 应当被拒绝的请求得到的拒绝：程序看 code 和 rule，人看 detail。The refusal that was expected.
    private Problem refused(UUID itemId, String etag, TransitionItemRequest body) throws Exception {
        try {
            transition(itemId, etag, body);
        } catch (ApiException refusal) {
            return client.getObjectMapper().readValue(refusal.getResponseBody(), Problem.class);
        }
        throw new IllegalStateException("应当被拒绝 this should have been refused");
    }

    private static String etagOf(ApiResponse<?> answer) {
        return answer.getHeaders().get("etag").get(0);
    }
}
