import com.espertech.esper.common.client.EPCompiled;
import com.espertech.esper.common.client.configuration.Configuration;
import com.espertech.esper.common.client.json.minimaljson.Json;
import com.espertech.esper.common.client.json.minimaljson.JsonObject;
import com.espertech.esper.common.client.json.minimaljson.JsonValue;
import com.espertech.esper.compiler.client.CompilerArguments;
import com.espertech.esper.compiler.client.EPCompilerProvider;
import com.espertech.esper.runtime.client.EPDeployment;
import com.espertech.esper.runtime.client.EPEventService;
import com.espertech.esper.runtime.client.EPRuntime;
import com.espertech.esper.runtime.client.EPRuntimeProvider;
import com.espertech.esper.runtime.client.EPStatement;
import java.lang.management.ManagementFactory;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;

/**
 * Evaluates rules as filters of EPL statements. Arguments: file of rules, file of events, number of passes. Prints the least CPU
 * time of a pass with the matches of each rule: that of the thread that sends events, without the compiler and collector of the JVM.
 */
public final class EsperBench {
  /** Events are parsed and evaluated in parts, as all engines do. */
  private static final int PART = 10_000;

  /** Events of a kind are arrays: the fields, then the texts among them in lower case. */
  private record Shard(String kind, List<String> names, List<Boolean> texts, int size) {
    Object[] parse(JsonObject json) {
      Object[] event = new Object[size];
      for (int index = 0; index < names.size(); index += 1) {
        JsonValue value = json.get(names.get(index));
        event[index] = texts.get(index) ? value.asString() : (Object) value.asInt();
      }
      return event;
    }

    void lower(Object[] event) {
      int at = names.size();
      for (int index = 0; index < names.size(); index += 1) {
        if (event[index] instanceof String text) {
          event[at] = text.toLowerCase(Locale.ROOT);
          at += 1;
        }
      }
    }
  }

  private record Event(Shard shard, Object[] fields) {}

  public static void main(String[] arguments) throws Exception {
    JsonObject file = Json.parse(Files.readString(Path.of(arguments[0]))).asObject();
    List<String> lines = Files.readAllLines(Path.of(arguments[1]));
    int passes = Integer.parseInt(arguments[2]);

    Configuration configuration = new Configuration();
    Map<String, Shard> shards = declare(file.get("fields").asObject(), configuration);
    configuration.getRuntime().getThreading().setInternalTimerEnabled(false);
    configuration.getRuntime().getThreading().setListenerDispatchPreserveOrder(false);
    configuration.getRuntime().getThreading().setInsertIntoDispatchPreserveOrder(false);
    configuration.getRuntime().getExecution().setDisableLocking(true);

    StringBuilder module = new StringBuilder();
    List<String> ids = new ArrayList<>();
    for (JsonValue one : file.get("rules").asArray()) {
      JsonObject rule = one.asObject();
      String id = rule.getString("id", "");
      module.append("@name('").append(id).append("') select * from ").append(rule.getString("kind", ""));
      module.append('(').append(rule.getString("rule", "")).append(");\n");
      ids.add(id);
    }
    EPCompiled compiled =
        EPCompilerProvider.getCompiler().compile(module.toString(), new CompilerArguments(configuration));
    EPRuntime runtime = EPRuntimeProvider.getDefaultRuntime(configuration);
    EPDeployment deployment = runtime.getDeploymentService().deploy(compiled);
    long[] counts = new long[ids.size()];
    Map<String, Integer> places = new HashMap<>();
    for (String id : ids) places.put(id, places.size());
    for (EPStatement statement : deployment.getStatements()) {
      int place = places.get(statement.getName());
      statement.addListener((matched, removed, of, by) -> counts[place] += matched.length);
    }
    EPEventService service = runtime.getEventService();

    long best = Long.MAX_VALUE;
    for (int pass = 0; pass < passes; pass += 1) {
      java.util.Arrays.fill(counts, 0);
      long spent = 0;
      for (int from = 0; from < lines.size(); from += PART) {
        List<Event> events = new ArrayList<>(PART);
        for (String line : lines.subList(from, Math.min(from + PART, lines.size()))) {
          JsonObject json = Json.parse(line).asObject();
          Shard shard = shards.get(json.getString("kind", ""));
          events.add(new Event(shard, shard.parse(json)));
        }
        long before = ManagementFactory.getThreadMXBean().getCurrentThreadCpuTime();
        for (Event event : events) {
          event.shard.lower(event.fields);
          service.sendEventObjectArray(event.fields, event.shard.kind);
        }
        spent += ManagementFactory.getThreadMXBean().getCurrentThreadCpuTime() - before;
      }
      best = Math.min(best, spent);
    }
    print(lines.size(), ids, counts, best);
  }

  private static Map<String, Shard> declare(JsonObject fields, Configuration configuration) {
    Map<String, Shard> shards = new HashMap<>();
    for (String kind : fields.names()) {
      JsonObject types = fields.get(kind).asObject();
      List<String> names = new ArrayList<>(types.names());
      List<Boolean> texts = new ArrayList<>();
      List<String> columns = new ArrayList<>(names);
      List<Object> classes = new ArrayList<>();
      for (String name : names) {
        boolean text = types.getString(name, "").equals("text");
        texts.add(text);
        classes.add(text ? String.class : Integer.class);
        if (text) columns.add(name + "_lower");
      }
      while (classes.size() < columns.size()) classes.add(String.class);
      configuration.getCommon().addEventType(kind, columns.toArray(new String[0]), classes.toArray());
      shards.put(kind, new Shard(kind, names, texts, columns.size()));
    }
    return shards;
  }

  private static void print(int events, List<String> ids, long[] counts, long best) {
    JsonObject byRule = Json.object();
    long matches = 0;
    for (int index = 0; index < counts.length; index += 1) {
      byRule.add(ids.get(index), counts[index]);
      matches += counts[index];
    }
    JsonObject result = Json.object();
    result.add("engine", "esper").add("events", events).add("matches", matches).add("cpu_s", best / 1e9);
    System.out.println(result.add("by_rule", byRule));
  }
}
