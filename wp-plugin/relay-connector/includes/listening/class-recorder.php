<?php
/**
 * Records which hooks pass a submitted form.
 *
 * @package Relay_Connector
 */

namespace Relay_Connector\Listening;

use Relay_Connector\Events\Plain_Text;

defined( 'ABSPATH' ) || exit;

/**
 * Looks for the submitted values in the arguments of the actions of one request. Only values that were submitted in this
 * request are recorded, cut, and never those of Secret_Values. Nothing else that the hooks pass is kept.
 */
final class Recorder {

	const DEEPEST     = 6;
	const MOST_NODES  = 3000;
	const LONGEST_S   = 2.0;
	const MOST_FIELDS = 40;
	const MOST_FOUND  = 6;
	const SAMPLE      = 60;
	const TOO_COMMON  = array( 'on', 'off', 'yes', 'no', 'true', 'false', 'submit', 'send', 'null' );

	/**
	 * Fields of a request that no one fills in.
	 */
	const NO_INPUT = '/^(action|submit.*|(form|post|page|queried)?[_-]?id|lang|locale)$/i';

	/**
	 * Names of actions.
	 */
	const LIKELY        = '/submi|entry|lead|response/i';
	const RATHER_LIKELY = '/after|complete|save|insert|create|success|done|sent/i';
	const SHOWING       = '/template|render|display|html|markup|enqueue|shortcode|widget/i';
	const UNLIKELY      = '/template|render|mail|log|notice|display|html|markup|valid|before|_pre_|pre_process|error|spam|format|saniti[sz]e|process_field/i';

	/**
	 * Names of fields for long texts.
	 */
	const LONG = '/message|comment|question|nachricht|kommentar|frage|mitteilung|bemerkung/i';

	/**
	 * Actions of WordPress itself, which fire for everything that is stored or sent.
	 */
	const CORE = '/^(all|init|shutdown|query|plugins_loaded|wp_loaded|setup_theme|phpmailer_init|http_api_debug|user_register|profile_update|comment_post|transition_post_status|pre_post_update|post_updated|edit_post|metadata_lazyloader_.*|set_current_user|doing_it_wrong_run|deprecated_.*|rest_.*|relay_connector_.*|save_post.*|(publish|draft|auto-draft|private|pending|inherit)_.+|wp_(insert|after_insert|create|update|delete|trash|mail|login|authenticate|set).*|(add|added|update|updated|delete|deleted)_(option|site_option|.*meta|metadata)(_.*)?|set(ted)?_.*transient.*|parse_.*|clean_.*)$/';

	/**
	 * The names of the submitted fields by value.
	 *
	 * @var string[]
	 */
	private $submitted = array();

	/**
	 * Submitted values that must not be recorded, as keys.
	 *
	 * @var bool[]
	 */
	private $secrets = array();

	/**
	 * How often each action has fired. The hook "all" fires for filters too.
	 *
	 * @var int[]
	 */
	private $fired = array();

	/**
	 * What was found: by hook, with hook, args, fields, marks, is_slashed, order.
	 *
	 * @var array[]
	 */
	private $found = array();

	/**
	 * How many places of a hook's arguments were looked at.
	 *
	 * @var int
	 */
	private $nodes = 0;

	/**
	 * The time spent so far, in seconds.
	 *
	 * @var float
	 */
	private $spent = 0.0;

	/**
	 * Takes what was submitted.
	 *
	 * @param array $submitted The fields, not slashed.
	 */
	public function __construct( array $submitted ) {
		$this->collect( $submitted, '' );
		$this->submitted = array_diff_key( $this->submitted, $this->secrets );
	}

	/**
	 * Whether anything was submitted that can be recognized.
	 *
	 * @return bool
	 */
	public function has_values() {
		return (bool) array_filter( array_keys( $this->submitted ), array( $this, 'is_distinct' ) );
	}

	/**
	 * Starts to record.
	 */
	public function start() {
		add_action( 'all', array( $this, 'on_hook' ), 10, 1 );
	}

	/**
	 * Ends the recording.
	 */
	public function stop() {
		remove_action( 'all', array( $this, 'on_hook' ), 10 );
	}

	/**
	 * A hook fires.
	 *
	 * @param string $hook Its name.
	 */
	public function on_hook( $hook = '' ) {
		$hook  = (string) $hook;
		$count = did_action( $hook );
		if ( $count <= ( isset( $this->fired[ $hook ] ) ? $this->fired[ $hook ] : 0 ) ) {
			return;
		}
		$this->fired[ $hook ] = $count;
		if ( $this->spent > self::LONGEST_S || preg_match( self::CORE, $hook ) ) {
			return;
		}
		$started   = microtime( true );
		$arguments = array_slice( func_get_args(), 1 );
		try {
			$this->examine( $hook, $arguments );
		} catch ( \Throwable $error ) {
			// What another plugin passes can fail to be read; then it is none of its hooks.
			unset( $error );
		}
		$this->spent += microtime( true ) - $started;
	}

	/**
	 * What was found, the most likely hooks first: those that pass the most values, of these those with a name that says
	 * so, and of these the last one, which fires when the form plugin has finished. Nothing if the form was only shown
	 * again, with what was filled in.
	 *
	 * @return array[]
	 */
	public function found() {
		$found = array_values( $this->found );
		if ( ! preg_grep( self::SHOWING, array_column( $found, 'hook' ), PREG_GREP_INVERT ) ) {
			return array();
		}
		usort(
			$found,
			static function ( $one, $other ) {
				foreach ( array( count( $other['fields'] ) - count( $one['fields'] ), self::likelihood( $other['hook'] ) - self::likelihood( $one['hook'] ) ) as $difference ) {
					if ( $difference ) {
						return $difference;
					}
				}
				return $other['order'] - $one['order'];
			}
		);
		return array_slice( $found, 0, self::MOST_FOUND );
	}

	/**
	 * How likely it is by its name that an action fires once for each accepted entry.
	 *
	 * @param string $hook The name.
	 * @return int
	 */
	private static function likelihood( $hook ) {
		return 2 * preg_match( self::LIKELY, $hook ) + preg_match( self::RATHER_LIKELY, $hook ) - 3 * preg_match( self::UNLIKELY, $hook );
	}

	/**
	 * Looks for submitted values in the arguments of an action.
	 *
	 * @param string $hook      Its name.
	 * @param array  $arguments Its arguments.
	 */
	private function examine( $hook, array $arguments ) {
		$this->nodes = 0;
		$result      = array(
			'hook'       => $hook,
			'args'       => count( $arguments ),
			'fields'     => array(),
			'marks'      => array(),
			'seen'       => array(),
			'is_slashed' => false,
			'is_sure'    => false,
			'order'      => count( $this->fired ),
		);
		foreach ( $arguments as $number => $argument ) {
			$this->search( $argument, array( $number ), $result );
		}
		unset( $result['seen'] );
		if ( $result['is_sure'] && ( ! isset( $this->found[ $hook ] ) || count( $result['fields'] ) >= count( $this->found[ $hook ]['fields'] ) ) ) {
			$this->found[ $hook ] = $result;
		}
	}

	/**
	 * Looks for submitted values at a place and below it.
	 *
	 * @param mixed $value  What is there.
	 * @param array $keys   The place.
	 * @param array $result Receives what is found.
	 */
	private function search( $value, array $keys, array &$result ) {
		++$this->nodes;
		if ( $this->nodes > self::MOST_NODES || count( $result['fields'] ) >= self::MOST_FIELDS ) {
			return;
		}
		$name = (string) end( $keys );
		if ( is_scalar( $value ) && ! is_bool( $value ) ) {
			$this->compare( $value, $keys, $name, $result );
			return;
		}
		if ( is_object( $value ) ) {
			$value = $value instanceof \Closure ? array() : get_object_vars( $value );
		}
		if ( ! is_array( $value ) || count( $keys ) > self::DEEPEST || Secret_Values::is_secret_name( $name ) ) {
			return;
		}
		if ( $this->is_list( $value ) && count( $keys ) > 1 ) {
			$known = array_filter( array_map( array( $this, 'name_of' ), $value ), 'is_string' );
			if ( count( $known ) === count( $value ) ) {
				$this->add( $result, $keys, (string) reset( $known ), implode( ', ', $value ), 'choices' );
				$result['is_sure']  = $result['is_sure'] || (bool) array_filter( array_map( array( $this, 'plain' ), $value ), array( $this, 'is_distinct' ) );
				return;
			}
		}
		foreach ( $value as $key => $inner ) {
			$count = count( $result['fields'] );
			$this->search( $inner, array_merge( $keys, array( $key ) ), $result );
			if ( 'value' === $key && isset( $value['label'] ) && is_string( $value['label'] ) && '' !== trim( $value['label'] ) && count( $result['fields'] ) === $count + 1 ) {
				$this->name_last( $result, Plain_Text::from_title( $value['label'], 100 ) );
			}
		}
	}

	/**
	 * Gives the last value that was found the label that the hook passes beside it.
	 *
	 * @param array  $result What was found.
	 * @param string $label  The label.
	 */
	private function name_last( array &$result, $label ) {
		$last = count( $result['fields'] ) - 1;
		if ( Secret_Values::is_secret_name( $label ) ) {
			array_pop( $result['fields'] );
		} else {
			$result['fields'][ $last ]['name'] = $label;
		}
	}

	/**
	 * Adds a value, unless the hook passes it in an earlier place too.
	 *
	 * @param array  $result What was found.
	 * @param array  $keys   The place.
	 * @param string $name   The name of the submitted field.
	 * @param string $text   The value.
	 * @param string $kind   What it is, '' if that is not known.
	 */
	private function add( array &$result, array $keys, $name, $text, $kind ) {
		$is_new = ! isset( $result['seen'][ $name . "\n" . $text ] );

		$result['seen'][ $name . "\n" . $text ] = true;
		if ( $is_new ) {
			$result['fields'][] = array(
				'place'  => $keys,
				'name'   => $name,
				'sample' => self::sample( $text ),
				'kind'   => $kind,
			);
		}
	}

	/**
	 * Records a text that was submitted, and a number that may be that of the form.
	 *
	 * @param mixed  $value  The text or number.
	 * @param array  $keys   The place.
	 * @param string $name   The last key.
	 * @param array  $result Receives what is found.
	 */
	private function compare( $value, array $keys, $name, array &$result ) {
		$plain = $this->plain( $value );
		$field = $this->name_of( $value );
		if ( null !== $field && ! Secret_Values::is_secret_name( $name ) && ( $this->is_distinct( $plain ) || ( $field === $name && '0' !== $plain ) ) ) {
			$this->add( $result, $keys, $field, $plain, is_email( $plain ) ? 'email' : ( strpos( $plain, "\n" ) || preg_match( self::LONG, $field ) ? 'textarea' : '' ) );
			$result['is_sure']    = $result['is_sure'] || $this->is_distinct( $plain );
			$result['is_slashed'] = $result['is_slashed'] || ( is_string( $value ) && false !== strpos( $value, '\\' ) && wp_unslash( $value ) !== $value );
		} elseif ( count( $result['marks'] ) < 5 && 1 === preg_match( '/^[A-Za-z0-9_-]{1,40}$/', (string) $value ) && ( 1 === count( $keys ) || 1 === preg_match( '/^form_?id$/i', $name ) || ( 2 === count( $keys ) && 'id' === strtolower( $name ) ) ) ) {
			$result['marks'][] = array(
				'place' => $keys,
				'name'  => 1 === count( $keys ) ? '' : $name,
				'value' => (string) $value,
			);
		}
	}

	/**
	 * Collects the submitted values and their names.
	 *
	 * @param array  $values The fields.
	 * @param string $name   The name of the field that they belong to, '' for none.
	 */
	private function collect( array $values, $name ) {
		foreach ( $values as $key => $value ) {
			$own = is_int( $key ) ? $name : (string) $key;
			if ( is_array( $value ) ) {
				$this->collect( $value, $own );
			} elseif ( is_scalar( $value ) && '' !== $this->plain( $value ) && strlen( (string) $value ) <= 5000 ) {
				$plain     = $this->plain( $value );
				$is_secret = Secret_Values::is_secret_name( $own ) || Secret_Values::is_secret_name( $name ) || Secret_Values::is_secret_value( $plain );
				if ( $is_secret ) {
					$this->secrets[ $plain ] = true;
				} elseif ( ! isset( $this->submitted[ $plain ] ) && ! preg_match( self::NO_INPUT, $own ) ) {
					$this->submitted[ $plain ] = $own;
				}
			}
		}
	}

	/**
	 * The name of the submitted field with a value.
	 *
	 * @param mixed $value The value.
	 * @return string|null Null if it was not submitted.
	 */
	private function name_of( $value ) {
		$plain = is_scalar( $value ) && ! is_bool( $value ) ? $this->plain( $value ) : '';
		return '' !== $plain && isset( $this->submitted[ $plain ] ) ? $this->submitted[ $plain ] : null;
	}

	/**
	 * A value without slashes and entities, to compare it.
	 *
	 * @param mixed $value The value.
	 * @return string
	 */
	private function plain( $value ) {
		return is_scalar( $value ) ? trim( Plain_Text::from_escaped( wp_unslash( (string) $value ) ) ) : '';
	}

	/**
	 * Whether a value is unlikely to be anywhere by accident.
	 *
	 * @param string $plain The value.
	 * @return bool
	 */
	private function is_distinct( $plain ) {
		$plain = strtolower( (string) $plain );
		return is_numeric( $plain ) ? strlen( $plain ) >= 5 : strlen( $plain ) >= 2 && ! in_array( $plain, self::TOO_COMMON, true );
	}

	/**
	 * Whether an array is a list of texts.
	 *
	 * @param array $value The array.
	 * @return bool
	 */
	private function is_list( array $value ) {
		return $value && array_keys( $value ) === range( 0, count( $value ) - 1 ) && count( $value ) === count( array_filter( $value, 'is_string' ) );
	}

	/**
	 * A value as the page shows it.
	 *
	 * @param string $text The value.
	 * @return string
	 */
	private static function sample( $text ) {
		$text = (string) preg_replace( '/\s+/', ' ', $text );
		return mb_strlen( $text, 'UTF-8' ) > self::SAMPLE ? mb_substr( $text, 0, self::SAMPLE - 1, 'UTF-8' ) . '…' : $text;
	}
}
