import com.espertech.esper.common.client.configuration.Configuration;
import com.espertech.esper.compiler.client.CompilerArguments;
import com.espertech.esper.compiler.client.EPCompilerProvider;
import com.espertech.esper.runtime.client.EPDeployment;
import com.espertech.esper.runtime.client.EPEventService;
import com.espertech.esper.runtime.client.EPRuntime;
import com.espertech.esper.runtime.client.EPRuntimeProvider;
import java.lang.management.ManagementFactory;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;

/**
 * Counts events per key within a time window. Arguments: file of events (milliseconds and key, a line each, by time), number of passes,
 * length of the window in seconds, least count. Prints the least CPU time of a pass and the hits, an event with which the count of its
 * key is the least one or more being a hit: that of the thread that sends events, without the compiler and collector of the JVM.
 */
public final class EsperWindows {
  public static void main(String[] arguments) throws Exception {
    List<String> lines = Files.readAllLines(Path.of(arguments[0]));
    int passes = Integer.parseInt(arguments[1]);
    int seconds = Integer.parseInt(arguments[2]);
    int least = Integer.parseInt(arguments[3]);
    long[] times = new long[lines.size()];
    Object[][] events = new Object[lines.size()][];
    for (int index = 0; index < times.length; index += 1) {
      String line = lines.get(index);
      int space = line.indexOf(' ');
      times[index] = Long.parseLong(line.substring(0, space));
      events[index] = new Object[] {line.substring(space + 1)};
    }

    Configuration configuration = new Configuration();
    configuration.getCommon().addEventType("Event", new String[] {"name"}, new Object[] {String.class});
    configuration.getRuntime().getThreading().setInternalTimerEnabled(false);
    configuration.getRuntime().getThreading().setListenerDispatchPreserveOrder(false);
    configuration.getRuntime().getExecution().setDisableLocking(true);
    String epl =
        "@name('hits') select name, count(*) as number from Event#time(" + seconds + " sec) group by name having count(*) >= " + least;

    long best = Long.MAX_VALUE;
    long[] hits = new long[1];
    for (int pass = 0; pass < passes; pass += 1) {
      EPRuntime runtime = EPRuntimeProvider.getRuntime("pass" + pass, configuration);
      EPDeployment deployment =
          runtime.getDeploymentService().deploy(EPCompilerProvider.getCompiler().compile(epl, new CompilerArguments(configuration)));
      hits[0] = 0;
      deployment.getStatements()[0].addListener(
          (matched, removed, of, by) -> {
            if (matched != null) hits[0] += matched.length;
          });
      EPEventService service = runtime.getEventService();
      long before = ManagementFactory.getThreadMXBean().getCurrentThreadCpuTime();
      for (int index = 0; index < times.length; index += 1) {
        service.advanceTime(times[index]);
        service.sendEventObjectArray(events[index], "Event");
      }
      best = Math.min(best, ManagementFactory.getThreadMXBean().getCurrentThreadCpuTime() - before);
      runtime.destroy();
    }
    System.out.println("{\"engine\":\"esper\",\"events\":" + times.length + ",\"hits\":" + hits[0] + ",\"cpu_s\":" + best / 1e9 + "}");
  }
}
