<?php
/**
 * The base class for form plugins.
 *
 * @package Relay_Connector
 */

namespace Relay_Connector\Events\Forms;

use Relay_Connector\Events\Form_Field;
use Relay_Connector\Events\Leads;
use Relay_Connector\Events\Plain_Text;

defined( 'ABSPATH' ) || exit;

/**
 * Listens to one form plugin and reads its forms and entries. Whether the plugin is active is checked when it is
 * needed, never while files are loaded.
 */
abstract class Form_Plugin {

	/**
	 * The settings page lists at most this many forms, because PHP accepts 1,000 fields per request. The choice for new
	 * forms applies to the others.
	 */
	const MOST_FORMS = 50;

	/**
	 * Records entries.
	 *
	 * @var Leads
	 */
	private $leads;

	/**
	 * Its forms, once they were read.
	 *
	 * @var string[]|null
	 */
	private $forms = null;

	/**
	 * Takes the object that records entries.
	 *
	 * @param Leads $leads The source of form entries.
	 */
	public function __construct( Leads $leads ) {
		$this->leads = $leads;
	}

	/**
	 * The short name: the plugin's slug in the plugin directory.
	 *
	 * @return string
	 */
	abstract public function slug();

	/**
	 * The plugin's own name.
	 *
	 * @return string
	 */
	abstract public function name();

	/**
	 * Whether it is active.
	 *
	 * @return bool
	 */
	abstract public function is_active();

	/**
	 * Whether its entries are sent until an admin decides.
	 *
	 * @return bool
	 */
	public function is_on_by_default() {
		return true;
	}

	/**
	 * Whether it is missing from a site where it is not active.
	 *
	 * @return bool
	 */
	public function can_be_missing() {
		return true;
	}

	/**
	 * Registers the hook for its entries.
	 */
	abstract public function add_hooks();

	/**
	 * Its forms.
	 *
	 * @return string[] Titles by id.
	 */
	abstract public function forms();

	/**
	 * The fields of a form, including those that are never sent.
	 *
	 * @param int|string $form_id The form's id.
	 * @return Form_Field[] Without values.
	 */
	abstract public function fields( $form_id );

	/**
	 * Its forms, or none if reading them fails, so that an unknown version of the plugin does not break the page.
	 *
	 * @return string[] Titles by id.
	 */
	public function safe_forms() {
		if ( null === $this->forms ) {
			try {
				$this->forms = $this->is_active() ? array_map( array( Plain_Text::class, 'from_title' ), $this->forms() ) : array();
			} catch ( \Throwable $error ) {
				$this->forms = array();
			}
		}
		return $this->forms;
	}

	/**
	 * A form's title; without one, its id.
	 *
	 * @param int|string $form_id The form's id.
	 * @return string
	 */
	public function title_of( $form_id ) {
		$forms = $this->safe_forms();
		/* translators: %s: number of a form. */
		return isset( $forms[ $form_id ] ) && '' !== $forms[ $form_id ] ? $forms[ $form_id ] : sprintf( __( 'form %s', 'relay-connector' ), $form_id );
	}

	/**
	 * The admin URL of an entry, '' if there is none.
	 *
	 * @param int|string $form_id  The form's id.
	 * @param int        $entry_id The entry's id.
	 * @return string
	 */
	public function entry_url( $form_id, $entry_id ) {
		return '';
	}

	/**
	 * Records an entry.
	 *
	 * @param callable $read Returns the entry, or null if it must not be sent.
	 */
	protected function record_entry( callable $read ) {
		$this->leads->record_entry( $this, $read );
	}

	/**
	 * The labels of choices, for form plugins that store values such as "coffee-black". What has no label stays.
	 *
	 * @param mixed    $value  The value, or a list of values.
	 * @param string[] $labels By value.
	 * @return mixed
	 */
	protected static function with_labels( $value, array $labels ) {
		if ( is_array( $value ) ) {
			foreach ( $value as $key => $one ) {
				$value[ $key ] = self::with_labels( $one, $labels );
			}
			return $value;
		}
		return is_scalar( $value ) && ! is_bool( $value ) && isset( $labels[ $value ] ) && '' !== (string) $labels[ $value ] ? Plain_Text::of( $labels[ $value ], Plain_Text::TITLE ) : $value;
	}
}
